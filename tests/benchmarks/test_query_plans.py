"""Query plans of the task list of who has many tasks: by the index that is there for it, without a sort."""

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker
from rest_framework.test import APIClient

from benchmarks.scale.queries import ORDERED_BY, queries
from benchmarks.scale.rows import Owner, make_rows
from benchmarks.stage import empty_tables

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
TASKS = 20_000  # of one user, in 220,000: enough for the planner to choose as it does with millions

# The index that answers each query in its order, whatever number of rows there is.
IN_ORDER = {
    "the list": "tasks_by_creation",
    "completed=true": "tasks_by_creation",
    "completed=false": "tasks_by_creation",
    "archived=false": "tasks_by_creation",
    "pinned=false": "tasks_by_creation",
    "trash=false": "tasks_by_creation",
    "recurring=false": "tasks_by_creation",
    "overdue=true": "tasks_by_creation",
    "overdue=false": "tasks_by_creation",
    "due_after=a day ago": "tasks_by_creation",
    "due_before=a day ago": "tasks_by_creation",
    "created_after=a day ago": "tasks_by_creation",
    "created_before=a day ago": "tasks_by_creation",
    "due this week, by due_at": "tasks_by_due",
    "priority=4": "tasks_by_creation",
    "tag (of half of the tasks)": "tasks_by_creation",
    "ordering=created_at": "tasks_by_creation",
    "ordering=-created_at": "tasks_by_creation",
    "ordering=due_at": "tasks_by_due",
    "ordering=-due_at": "tasks_by_due",
    "ordering=reminder_at": "tasks_by_reminder",
    "ordering=-reminder_at": "tasks_by_reminder",
    "ordering=completed_at": "tasks_by_completion",
    "ordering=-completed_at": "tasks_by_completion",
    "ordering=title": "tasks_by_title_key",
    "ordering=-title": "tasks_by_title_key",
    "pinned=true": "tasks_pinned",
    "recurring=true": "tasks_recurring",
    "archived=true": "tasks_archived",
    "trash=true": "tasks_trashed",
}
# So few rows that they are sorted once they are found.
FOUND_FIRST = {
    "parent": "tasks_by_head",
    "q (a word of 20 tasks)": "tasks_words",
    "q (none has it)": "tasks_words",
    "tag (of 20 tasks)": "task_tags_tag_id",
}


@pytest.fixture(scope="module")
def owner(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Owner]:
    """Who has many tasks; the rows stay for all tests of this module."""
    with django_db_blocker.unblock():
        _few, many = make_rows(TASKS)
        yield many
        empty_tables()


@pytest.mark.parametrize(("name", "index"), IN_ORDER.items())
def test_a_page_is_read_from_its_index_in_order(owner: Owner, name: str, index: str) -> None:
    plan = plans_of(owner, queries(owner)[name])[0]
    assert index in plan
    assert "Sort" not in plan
    assert not reads_the_table(plan)


@pytest.mark.parametrize(("name", "index"), FOUND_FIRST.items())
def test_what_few_tasks_have_is_found_by_its_index(owner: Owner, name: str, index: str) -> None:
    plan = "\n".join(plans_of(owner, queries(owner)[name]))
    assert index in plan
    assert not reads_the_table(plan)


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_order_by_update_sorts_the_users_own_tasks(owner: Owner, sign: str) -> None:
    """It has no index of its own (docs/decisions/0022-indexes-of-tasks.md)."""
    plan = plans_of(owner, queries(owner)[f"ordering={sign}updated_at"])[0]
    assert "Sort Key" in plan
    assert not reads_the_table(plan)


@pytest.mark.parametrize(
    "ordering", [f"{sign}{name}" for name in ORDERED_BY if name != "updated_at" for sign in ("", "-")]
)
def test_a_page_far_in_the_list_begins_in_the_index(owner: Owner, ordering: str) -> None:
    client = client_of(owner)
    page = client.get(f"/api/tasks?page_size=200&ordering={ordering}").json()
    plan = plans_of(owner, page["next"].partition("?")[2])[0]
    name = ordering.removeprefix("-").replace("title", "title_key")
    assert re.search(rf"Index Cond: .*\(+{name}\)?(::text)? [<>]=", plan), plan


def client_of(owner: Owner) -> APIClient:
    client = APIClient()
    client.force_authenticate(owner.person.user)
    return client


def plans_of(owner: Owner, query: str) -> list[str]:
    """EXPLAIN of each statement that reads tasks.

    The first reads the page, or a search's sample. A second one is of the rows that have nothing in the
    column they are ordered by, or of a search in the index.
    """
    with CaptureQueriesContext(connection) as captured:
        answer = client_of(owner).get(f"/api/tasks?{query}")
    assert answer.status_code == 200, answer.content
    sql = [one["sql"] for one in captured]
    return [plan_of(one) for one in sql if re.search(r'FROM "?tasks\b.* LIMIT ', one, re.DOTALL)]


def plan_of(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(line for (line,) in cursor.fetchall())


def reads_the_table(plan: str) -> bool:
    return "Seq Scan on tasks" in plan
