"""What is asked of the task list: the list, each filter, each order, words."""

from datetime import timedelta

from django.utils import timezone

from benchmarks.scale.rows import COMMON_TAG, RARE_TAG, SECOND_TAG, Owner

ORDERED_BY = ("created_at", "updated_at", "due_at", "reminder_at", "completed_at", "title")


def queries(owner: Owner) -> dict[str, str]:
    """The query strings by what they are called; the same names for every owner."""
    common, second, rare = (owner.tags[name] for name in (COMMON_TAG, SECOND_TAG, RARE_TAG))
    flags = {
        f"{name}={value}": f"{name}={value}"
        for name in ("completed", "archived", "pinned", "trash", "recurring", "overdue")
        for value in ("true", "false")
    }
    times = {
        f"{name}_{side}={said}": f"{name}_{side}={_at(days)}"
        for name in ("due", "reminder", "created", "updated", "completed")
        for side, said, days in (("after", "a day ago", -1), ("before", "a day ago", -1))
    }
    orders = {f"ordering={sign}{name}": f"ordering={sign}{name}" for name in ORDERED_BY for sign in ("", "-")}
    return {
        "the list": "",
        **flags,
        **times,
        "due this week": f"due_after={_at(0)}&due_before={_at(7)}",
        "due this week, by due_at": f"due_after={_at(0)}&due_before={_at(7)}&ordering=due_at",
        "priority=4": "priority=4",
        "tag (of half of the tasks)": f"tag={common}",
        "tag (of 20 tasks)": f"tag={rare}",
        "tag_all (two tags)": f"tag_all={common}&tag_all={second}",
        "parent": f"parent={owner.head}",
        "q (a word of 20 tasks)": "q=zugzwang",
        "q (a word of every twentieth task)": "q=milk",
        "q (a word of every third task)": "q=weekend",
        "q (a beginning)": "q=pla",
        "q (two words)": "q=water+plants",
        "q (none has it)": "q=xylophone",
        **orders,
    }


def _at(days: int) -> str:
    return f"{timezone.now() + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
