"""Finds migrations that a release cannot run while processes of the release before it work (`./todo lint`).

A migration runs before the new processes start. So the old code meets the new tables, and its requests wait
for the locks that the migration takes. Source: PostgreSQL's documentation of ALTER TABLE and CREATE INDEX;
docs/decisions/0042-out-of-one-machine.md.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import django
from django.db.migrations import operations as op
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field

# No release was before 1.0.0, so that no old code has met these. Until 1.0.0 is out, a migration that is
# found may move its app's line instead.
FIRST_RELEASE = {
    "accounts_app": "0009_known_addresses",
    "chat_app": "0003_pending_confirmations",
    "events_app": "0007_outbox_events_by_owner",
    "http_app": "0001_idempotency_keys",
    "notifications_app": "0007_quiet_hours_and_notices",
    "recurring_app": "0005_rrule_version_and_failure_of_templates",
    "tasks_app": "0019_rings_in_quiet_hours",
    "todo_project": "0001_tick_runs",
}
# What is found and yet right: why. `app.name: what`.
EXCEPTIONS: dict[str, str] = {}

_GONE = "the old code still reads and writes it: first release code that does not, then remove it"
_LOCKS = "writes wait until it has read the table"
ADVICE = {
    op.RemoveField: _GONE,
    op.DeleteModel: _GONE,
    op.RenameField: "the old code knows the old name: add a field, write both, remove the old one later",
    op.RenameModel: "the old code knows the old table: keep it by Meta.db_table",
    op.AlterModelTable: "the old code knows the old table",
    op.AddConstraint: f"{_LOCKS}: AddConstraintNotValid, then ValidateConstraint in another migration",
    op.AddIndex: f"{_LOCKS}: AddIndexConcurrently, with atomic = False",
    op.RunSQL: "this check does not read it: list it in EXCEPTIONS and say why it is safe",
    op.RunPython: "this check does not read it: list it in EXCEPTIONS and say why it is safe",
}
_NOT_NULL = "the old code writes no value: null=True, or a db_default"
_NARROWER = "the old code may write what does not fit, and the table is written again under a lock"


def main() -> int:
    """Print what is unsafe, and exceptions that no migration needs any more; 1 if there is any."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
    django.setup()
    found = dict(findings())
    for where in sorted(found.keys() - EXCEPTIONS.keys()):
        print(f"{where}: {found[where]}")
    for where in sorted(EXCEPTIONS.keys() - found.keys()):
        print(f"{where}: is in EXCEPTIONS and is not found any more")
    return int(found.keys() != EXCEPTIONS.keys())


def findings(loader: MigrationLoader | None = None) -> Iterator[tuple[str, str]]:
    """`app.name: what` and why that is unsafe, of each migration since the first release."""
    loader = loader or MigrationLoader(None)
    state = ProjectState()
    plan = loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True)
    for key in plan:
        migration = loader.graph.nodes[key]
        if is_ours_and_newer(migration):
            yield from unsafe(migration, state.clone())
        state = migration.mutate_state(state, preserve=False)


def is_ours_and_newer(migration: Migration) -> bool:
    """Whether old code may meet it."""
    return migration.app_label in FIRST_RELEASE and migration.name > FIRST_RELEASE[migration.app_label]


def unsafe(migration: Migration, state: ProjectState) -> Iterator[tuple[str, str]]:
    """What is unsafe in one migration; `state` is what there is before it, and is changed."""
    app, new = migration.app_label, set[str]()
    for operation in _of_the_database(migration.operations):
        model = (getattr(operation, "model_name", "") or getattr(operation, "name", "") or "").lower()
        if isinstance(operation, op.CreateModel):
            new.add(model)
        elif model not in new and (why := _why(operation, app, state)):
            yield f"{app}.{migration.name}: {operation.describe()}", why
        operation.state_forwards(app, state)


def _of_the_database(operations: Sequence[Operation]) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, op.SeparateDatabaseAndState):
            yield from operation.database_operations
        else:
            yield operation


def _why(operation: Operation, app: str, state: ProjectState) -> str:
    """Why it is unsafe on a table that is there; empty if it is not."""
    if isinstance(operation, op.AddField):
        field = operation.field
        return "" if field.null or field.has_db_default() or field.many_to_many else _NOT_NULL
    if isinstance(operation, op.AlterField):
        before = state.models[app, operation.model_name_lower].fields[operation.name]
        return _NARROWER if _is_narrower(before, operation.field) else ""
    return ADVICE.get(type(operation), "")


def _is_narrower(before: "Field[Any, Any]", after: "Field[Any, Any]") -> bool:
    longest = [field.max_length or float("inf") for field in (before, after)]
    return (
        (before.null and not after.null)
        or longest[1] < longest[0]
        or before.get_internal_type() != after.get_internal_type()
        or (after.unique and not before.unique)
    )


if __name__ == "__main__":
    sys.exit(main())
