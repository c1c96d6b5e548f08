"""What may be written to the outbox, and what it looks like on the wire."""

from uuid import UUID

import pytest
import structlog
from django.db import transaction

from events_app import outbox
from events_app.catalogue import CATALOGUE, UnknownEventError, kind_of, parse
from events_app.envelope import from_row, from_wire, to_wire
from events_app.models import OutboxEvent
from events_app.outbox import NewEvent

REMINDER = {
    "task_id": 7,
    "user_id": "6f3c2a53-6b0f-4ff3-9b7f-2f9c0a1f6c11",
    "title": "water the plants",
    "reminder_at": "2026-01-01T09:00:00+00:00",
    "due_at": None,
}


def new(**changes: object) -> NewEvent:
    fields: dict = {
        "type": "reminder.due",
        "key": "alice",
        "subject": "7",
        "sequence": 3,
        "data": REMINDER,
    } | changes
    return NewEvent(**fields)


@pytest.mark.django_db
class TestWrite:
    def test_one_insert_for_many(self, django_assert_num_queries) -> None:
        with django_assert_num_queries(1):
            outbox.write([new(subject=str(n)) for n in range(50)])
        assert list(OutboxEvent.objects.values_list("subject", flat=True)) == [str(n) for n in range(50)]

    def test_ids_are_uuid7_and_rise(self) -> None:
        outbox.write([new(), new()])
        first, second = OutboxEvent.objects.values_list("event_id", flat=True)
        assert first.version == second.version == 7
        assert first < second

    def test_the_request_id_travels(self) -> None:
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            outbox.write([new()])
        assert OutboxEvent.objects.get().request_id == "r-1"

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"type": "task.renamed"}, "not in the catalogue"),
            ({"data": REMINDER | {"p256dh_key": "secret"}}, "p256dh_key"),
            ({"data": {"task_id": 7}}, "user_id"),
            ({"data": REMINDER | {"reminder_at": "soon"}}, "reminder_at"),
        ],
    )
    def test_what_is_not_in_the_catalogue_is_refused(self, changes: dict, match: str) -> None:
        with pytest.raises(UnknownEventError, match=match):
            outbox.write([new(), new(**changes)])
        assert not OutboxEvent.objects.exists()

    def test_same_merge_key_is_one_row_and_keeps_its_id(self) -> None:
        outbox.write([new(merge_key="k", sequence=1)])
        first = OutboxEvent.objects.get()
        outbox.write([new(merge_key="k", sequence=2, data=REMINDER | {"title": "newer"})])
        row = OutboxEvent.objects.get()
        assert (row.id, row.event_id) == (first.id, first.event_id)
        assert (row.sequence, row.data["title"]) == (2, "newer")


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        outbox.write([new()])


@pytest.mark.django_db(transaction=True)
def test_the_same_merge_key_in_two_transactions_is_two_rows() -> None:
    for sequence in (1, 2):
        with transaction.atomic():
            outbox.write([new(merge_key="k", sequence=sequence)])
            assert list(outbox.written_here(["k"])) == ["k"]
    with transaction.atomic():
        assert outbox.written_here(["k"]) == {}
    assert OutboxEvent.objects.count() == 2


@pytest.mark.django_db
class TestWire:
    def test_there_and_back(self) -> None:
        outbox.write([new()])
        event = from_row(OutboxEvent.objects.get())
        wire = to_wire(event)
        assert wire["specversion"] == "1.0"
        assert UUID(wire["id"]) == event.id
        assert (wire["type"], wire["subject"], wire["source"]) == ("reminder.due", "7", "/todo-backend/tasks")
        assert wire["sequence"] == "0000000000000000003"
        assert "requestid" not in wire
        assert wire["actor"] == "system"
        assert from_wire(wire, key="alice") == event

    def test_a_message_of_a_release_that_knew_no_actor(self) -> None:
        outbox.write([new()])
        wire = to_wire(from_row(OutboxEvent.objects.get()))
        del wire["actor"]
        event = from_wire(wire, key="alice")
        assert event.actor == ""
        assert "actor" not in to_wire(event)

    @pytest.mark.parametrize("name", ["id", "type", "time", "sequence", "data", "subject"])
    def test_a_message_that_lacks_something_is_refused(self, name: str) -> None:
        outbox.write([new()])
        wire = to_wire(from_row(OutboxEvent.objects.get()))
        del wire[name]
        with pytest.raises(UnknownEventError):
            from_wire(wire, key="alice")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("time", "soon"),
            ("time", "9999-12-31T23:59:59-12:00"),  # the year 10000 in UTC: kept, and never read back
            ("time", "0001-01-01T00:00:00+12:00"),
            ("id", "7"),
            ("sequence", "x"),
            ("data", []),
        ],
    )
    def test_a_message_with_nonsense_is_refused(self, name: str, value: object) -> None:
        outbox.write([new()])
        wire = to_wire(from_row(OutboxEvent.objects.get()))
        with pytest.raises(UnknownEventError):
            from_wire(wire | {name: value}, key="alice")


def test_every_type_of_the_design_is_in_the_catalogue() -> None:
    assert {name: kind.topic for name, kind in CATALOGUE.items()} == {
        "task.created": "task-events",
        "task.updated": "task-events",
        "task.completed": "task-events",
        "task.deleted": "task-events",
        "task.due.approaching": "task-events",
        "task.sync": "task-updates",
        "reminder.due": "reminders",
        "tag.created": "tag-events",
        "tag.updated": "tag-events",
        "tag.deleted": "tag-events",
        "priority.created": "tag-events",
        "priority.updated": "tag-events",
        "priority.deleted": "tag-events",
    }


def test_schemas_refuse_unknown_fields() -> None:
    for name in CATALOGUE:
        assert kind_of(name).schema.model_config["extra"] == "forbid"
    with pytest.raises(UnknownEventError, match="surprise"):
        parse("reminder.due", REMINDER | {"surprise": 1})
