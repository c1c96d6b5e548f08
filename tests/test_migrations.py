"""The migrations go from nothing to now, back, and again, and leave the same tables."""

import pytest
from django.core.management import call_command
from django.db import connection

from tasks_app.models import Priority

OURS = [
    "chat_app",
    "todo_project",
    "notifications_app",
    "recurring_app",
    "tasks_app",
    "accounts_app",
    "events_app",
]


def tables() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_there_and_back() -> None:
    before = tables()
    for app in ("admin", *OURS):
        call_command("migrate", app, "zero", verbosity=0)
    left = tables()
    assert not {"tasks", "tags", "users", "outbox_events", "deliveries", "recurring_tasks"} & left
    call_command("migrate", verbosity=0)
    assert tables() == before
    assert list(Priority.objects.values_list("name", "level")) == [
        ("Low", 1),
        ("Medium", 2),
        ("High", 3),
        ("Critical", 4),
    ]
    assert Priority.objects.create(name="Special", level=5, color="#000000").pk == 5
