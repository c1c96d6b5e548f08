"""The check of `./todo lint` finds what the release before could not live with, and nothing else."""

import pytest
from django.db import migrations, models
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from devkit import migration_safety
from devkit.migration_safety import EXCEPTIONS, FIRST_RELEASE, findings, is_ours_and_newer, unsafe

FIELD = {"model_name": "task", "name": "estimate"}
TITLE = {"model_name": "task", "name": "title"}
CHECK = models.CheckConstraint(condition=models.Q(id__gt=0), name="positive")
INDEX = models.Index(fields=["title"], name="by_title")


def there() -> ProjectState:
    """A table with a title of 200 characters, which may be null."""
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=200, null=True)),
    ]
    state = ProjectState()
    state.add_model(ModelState("tasks_app", "Task", fields))
    return state


def found(*operations: Operation) -> list[str]:
    migration = Migration("0099_next", "tasks_app")
    migration.operations = list(operations)
    return [why for _, why in unsafe(migration, there())]


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField(**TITLE),
        migrations.DeleteModel("Task"),
        migrations.RenameField("task", "title", "name"),
        migrations.RenameModel("Task", "Todo"),
        migrations.AlterModelTable("task", "todos"),
        migrations.AddField(**FIELD, field=models.IntegerField(default=0)),
        migrations.AlterField(**TITLE, field=models.CharField(max_length=100, null=True)),
        migrations.AlterField(**TITLE, field=models.CharField(max_length=200)),
        migrations.AlterField(**TITLE, field=models.IntegerField(null=True)),
        migrations.AlterField(**TITLE, field=models.CharField(max_length=200, null=True, unique=True)),
        migrations.AddConstraint("task", CHECK),
        migrations.AddIndex("task", INDEX),
        migrations.RunSQL("UPDATE tasks SET title = ''"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField(**TITLE)]),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_is_unsafe_is_found(operation: Operation) -> None:
    assert len(found(operation)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField(**FIELD, field=models.IntegerField(null=True)),
        migrations.AddField(**FIELD, field=models.IntegerField(default=0, db_default=0)),
        migrations.AlterField(**TITLE, field=models.CharField(max_length=255, null=True)),
        migrations.AlterField(**TITLE, field=models.CharField(max_length=200, null=True, blank=True)),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField(**TITLE)]),
        migrations.AlterModelOptions("task", {"ordering": ["id"]}),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_is_safe_is_not(operation: Operation) -> None:
    assert found(operation) == []


def test_a_table_that_is_new_itself_may_get_anything() -> None:
    new = migrations.CreateModel("Plan", [("id", models.BigAutoField(primary_key=True))])
    index = migrations.AddIndex("plan", models.Index(fields=["id"], name="plans_by_id"))
    assert found(new, index, migrations.AddConstraint("plan", CHECK)) == []


def test_the_project_has_no_unsafe_migration_that_is_not_explained() -> None:
    assert {where for where, _ in findings()} == set(EXCEPTIONS)
    assert all(len(reason.split()) > 3 for reason in EXCEPTIONS.values())


def test_it_reads_the_real_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration_safety, "FIRST_RELEASE", dict.fromkeys(FIRST_RELEASE, "0001"))
    names = {where.partition(":")[0] for where, _ in findings()}
    assert {"events_app.0004_dead_letters_say_whence", "accounts_app.0004_no_tokens_kept"} <= names
    assert not is_ours_and_newer(Migration("0099_next", "otp_totp"))
