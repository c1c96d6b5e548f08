"""What the API answers of a task is what events carry: else a change of it would have no version."""

from events_app.catalogue import TaskData
from tasks_app.derived_fields import VISIBLE
from tasks_app.models import COLUMNS
from tasks_app.task_serializer import ANSWERED, PUT_DEFAULTS, TaskSerializer

# Computed when a task is answered, from fields that are in the events.
COMPUTED_WHEN_ANSWERED = {"recurrence_text"}
# Follow from a change, and are none by themselves.
OF_THE_CHANGE = {"id", "version", "created_at", "updated_at"}
# Required, or with a default that depends on the user or on the other fields.
WITHOUT_DEFAULT_OF_PUT = {"title", "timezone", "is_recurring", "apply_to", "priority", "tags", "tag_ids"}
WHAT_TO_DO = "see 'A new field of a task' in CONTRIBUTING.md"


def test_each_field_of_the_api_is_in_the_catalogue_of_events() -> None:
    without_event = set(ANSWERED) - set(TaskData.model_fields)
    assert without_event == COMPUTED_WHEN_ANSWERED, (
        f"add the field to TaskData in events_app/catalogue.py: {WHAT_TO_DO}"
    )


def test_a_change_of_each_counts_as_a_change() -> None:
    assert set(ANSWERED) - VISIBLE == COMPUTED_WHEN_ANSWERED | OF_THE_CHANGE


def test_each_field_of_an_event_is_a_column_or_the_tags() -> None:
    assert set(TaskData.model_fields) - set(COLUMNS) == {"tag_ids"}


def test_put_has_a_default_for_each_field_that_a_client_writes() -> None:
    written = {name for name, field in TaskSerializer().fields.items() if not field.read_only}
    assert written - set(PUT_DEFAULTS) == WITHOUT_DEFAULT_OF_PUT
