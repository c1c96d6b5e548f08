"""`manage.py deadletters`: an operator looks at what was given up, gives it back, or drops it."""

import json
from datetime import UTC, datetime
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from events_app.dead_letters import bury_message
from events_app.models import DeadLetter, ParkedEvent

pytestmark = pytest.mark.django_db

REMINDER = {
    "task_id": 7,
    "user_id": str(uuid4()),
    "title": "water",
    "reminder_at": "2030-01-01T00:00:00Z",
    "due_at": None,
}


def given_up(subject: str = "7", **fields: object) -> DeadLetter:
    wanted: dict = {
        "group": "phones", "topic": "reminders", "type": "reminder.due", "key": "alice", "subject": subject,
        "sequence": 1, "data": REMINDER, "attempts": 9, "error": "Timeout: phone",
    } | fields  # fmt: skip
    return DeadLetter.objects.create(**wanted)


def no_event(value: bytes = b"not JSON", *, offset: int = 41) -> DeadLetter:
    return bury_message(
        "phones", topic="reminders", partition=3, offset=offset, time=datetime(2030, 1, 1, tzinfo=UTC),
        key=b"bob", value=value, headers=[], error="Expecting value",
    )  # fmt: skip


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("deadletters", *map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


class TestList:
    def test_a_table_with_the_newest_first(self) -> None:
        given_up("7", partition=2, offset=5)
        given_up("8", error="a\x1b[31mred\nline" + "x" * 100)
        head, newest, oldest, count = run("list").splitlines()
        assert head.split()[:4] == ["id", "group", "type", "subject"]
        assert newest.split()[1:5] == ["phones", "reminder.due", "8", "alice"]
        assert "\x1b" not in newest
        assert newest.endswith("...")
        assert "reminders/2@5" in oldest
        assert count == "2 of 2 dead letters."

    def test_filters_and_limit(self) -> None:
        first = given_up("1", group="recurring", type="task.completed", topic="task-events")
        for _ in range(3):
            given_up()
        for option, value in (("group", "recurring"), ("type", "task.completed"), ("topic", "task-events")):
            (found,) = json.loads(run("list", f"--{option}", value, "--json"))
            assert found["id"] == first.pk
        assert run("list", "--limit", 1).endswith("1 of 4 dead letters.\n")

    def test_none(self) -> None:
        assert run("list") == "0 of 0 dead letters.\n"


class TestShow:
    def test_an_event(self) -> None:
        dead = given_up(partition=2, offset=5)
        shown = run("show", dead.pk)
        assert str(dead.event_id) in shown
        assert '"title": "water"' in shown
        found = json.loads(run("show", dead.pk, "--json"))
        assert (found["is_event"], found["partition"], found["offset"]) == (True, 2, 5)

    def test_what_is_no_event_does_nothing_to_the_terminal(self) -> None:
        dead = no_event(b"\x1b]0;owned\x07\xff" + b"x" * 20_000)
        DeadLetter.objects.update(error="\x1b[31mred")
        shown = run("show", dead.pk)
        assert "\x1b" not in shown
        assert "\\x1b]0;owned\\x07\\xff" in shown
        assert "... and 10011 bytes more" in shown

    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(CommandError, match=r"no dead letter 5\."):
            run("show", 5)


class TestReplay:
    def test_by_id_and_all_of_a_group(self) -> None:
        one, of_others = given_up("1"), given_up("2", group="recurring")
        given_up("3")
        assert run("replay", one.pk) == "1 given back to their groups.\n"
        assert run("replay", "--all", "--group", "phones") == "1 given back to their groups.\n"
        assert list(DeadLetter.objects.all()) == [of_others]
        assert list(ParkedEvent.objects.values_list("subject", flat=True)) == ["1", "3"]

    def test_what_is_no_event_stays_and_says_why(self) -> None:
        dead = no_event()
        given_up("1")
        out = StringIO()
        with pytest.raises(CommandError, match="1 stay dead letters"):
            call_command("deadletters", "replay", "--all", stdout=out, stderr=out)
        assert f"{dead.pk} is still no event that this release knows: Expecting value" in out.getvalue()
        assert list(DeadLetter.objects.all()) == [dead]
        assert ParkedEvent.objects.count() == 1

    def test_what_the_catalogue_has_learned_since_is_handled(self, no_handlers: None) -> None:
        wire = {"id": str(uuid4()), "type": "reminder.due", "subject": "7", "sequence": "1", "data": REMINDER}
        dead = no_event(json.dumps(wire | {"time": "2030-01-01T00:00:00Z"}).encode())
        run("replay", dead.pk)
        parked = ParkedEvent.objects.get()
        assert (parked.key, parked.subject, parked.partition, parked.offset) == ("bob", "7", 3, 41)

    @pytest.mark.parametrize("arguments", [[], ["5", "--all"], ["5", "--group", "phones"]], ids=str)
    def test_what_is_meant_must_be_clear(self, arguments: list[str]) -> None:
        with pytest.raises(CommandError, match="--all"):
            run("replay", *arguments)

    def test_one_that_is_not_there_leaves_the_others(self) -> None:
        dead = given_up()
        with pytest.raises(CommandError, match=r"no dead letter 0\."):
            run("replay", dead.pk, 0)
        assert DeadLetter.objects.exists()


class TestDrop:
    def test_by_id(self) -> None:
        dropped, kept = given_up(), given_up()
        assert run("drop", dropped.pk) == "1 dropped.\n"
        assert list(DeadLetter.objects.all()) == [kept]

    def test_all_of_a_group(self) -> None:
        kept = given_up(group="recurring")
        given_up("1"), given_up("2")
        assert run("drop", "--all", "--group", "phones") == "2 dropped.\n"
        assert list(DeadLetter.objects.all()) == [kept]

    @pytest.mark.parametrize("arguments", [[], ["5", "--all"], ["5", "--group", "phones"]], ids=str)
    def test_what_is_meant_must_be_clear(self, arguments: list[str]) -> None:
        given_up()
        with pytest.raises(CommandError, match="--all"):
            run("drop", *arguments)
        assert DeadLetter.objects.exists()

    def test_one_that_is_not_there_leaves_the_others(self) -> None:
        dead = given_up()
        with pytest.raises(CommandError, match=r"no dead letter 0\."):
            run("drop", dead.pk, 0)
        assert DeadLetter.objects.exists()
