"""The operator's view of events: what is stuck is retried, given up, given back or dropped."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts_app.models import User
from events_app import groups
from events_app.dead_letters import bury_message
from events_app.envelope import Event
from events_app.models import DeadLetter, EventFields, OutboxEvent, ParkedEvent
from events_app.parked import retry_parked
from tests.tasks_app.admin_pages import act, shown, url_of

pytestmark = pytest.mark.django_db

MODELS = [OutboxEvent, ParkedEvent, DeadLetter]


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The subjects that the group `phones` has handled."""
    monkeypatch.setattr(groups, "registry", defaultdict(dict))
    subjects: list[str] = []

    def handle(event: Event) -> None:
        subjects.append(event.subject)

    groups.handles("reminder.due", group="phones")(handle)
    return subjects


def make(model: type[EventFields], subject: str = "7", key: str = "alice", **fields: object) -> EventFields:
    if model is not OutboxEvent:
        fields = {"group": "phones", "attempts": 3, "error": "Timeout: phone"} | fields
    return model.objects.create(  # type: ignore[attr-defined]
        topic="reminders", type="reminder.due", key=key, subject=subject, sequence=1,
        data={"title": "<b>water</b>"}, **fields,
    )  # fmt: skip


def in_ten_minutes() -> dict[str, object]:
    return {"next_attempt_at": timezone.now() + timedelta(minutes=10)}


class TestReadOnly:
    @pytest.mark.parametrize("model", MODELS)
    def test_looked_at(self, operator: Client, model: type[EventFields]) -> None:
        row = make(model)
        assert shown(operator, model) == [row]
        page = operator.get(url_of("change", row)).content.decode()
        assert "&lt;b&gt;water&lt;/b&gt;" in page
        assert 'name="_save"' not in page

    @pytest.mark.parametrize("model", MODELS)
    def test_not_edited(self, operator: Client, model: type[EventFields]) -> None:
        row = make(model)
        assert operator.get(url_of("add", model)).status_code == 403
        assert operator.post(url_of("change", row), {"subject": "8"}).status_code == 403
        row.refresh_from_db()
        assert row.subject == "7"

    @pytest.mark.parametrize("model", [OutboxEvent, ParkedEvent])
    def test_not_deleted(self, operator: Client, model: type[EventFields]) -> None:
        row = make(model)
        assert operator.post(url_of("delete", row), {"post": "yes"}).status_code == 403
        act(operator, "delete_selected", [row], post="yes")
        assert model.objects.exists()  # type: ignore[attr-defined]


class TestLists:
    @pytest.mark.parametrize("model", MODELS)
    def test_search(self, operator: Client, model: type[EventFields]) -> None:
        event_id = uuid4()
        row = make(model, "7", "alice", event_id=event_id)
        make(model, "77", "bob")
        for text in ("7", "alice", str(event_id)):
            assert shown(operator, model, q=text) == [row]
        for text in ("'", "%", "9" * 40, "no such"):
            assert shown(operator, model, q=text) == []

    @pytest.mark.parametrize("model", MODELS)
    def test_the_same_queries_for_3_and_for_30(self, operator: Client, model: type[EventFields]) -> None:
        asked = []
        for number in (3, 30):
            for n in range(number):
                make(model, f"{number}-{n}")
            operator.get(url_of("changelist", model))
            with CaptureQueriesContext(connection) as queries:
                operator.get(url_of("changelist", model))
            asked.append(len(queries))
            counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
            assert counts
            assert all("LIMIT 10000" in sql for sql in counts)
        assert asked[0] == asked[1]


class TestParked:
    def test_retry_now(self, operator: Client, handled: list[str]) -> None:
        make(ParkedEvent, "1", **in_ten_minutes())
        second = make(ParkedEvent, "2", **in_ten_minutes())
        make(ParkedEvent, "3", "bob", **in_ten_minutes())
        assert retry_parked() == 0
        assert "2 events of 1 keys are tried again" in act(operator, "retry_now", [second])
        assert retry_parked() == 2
        assert handled == ["1", "2"]

    def test_bury(self, operator: Client, handled: list[str]) -> None:
        head = make(ParkedEvent, "1", **in_ten_minutes())
        make(ParkedEvent, "2")
        assert "1 buried" in act(operator, "bury", [head])
        (dead,) = DeadLetter.objects.all()
        assert (dead.subject, dead.event_id, dead.attempts, dead.error) == (
            "1",
            head.event_id,
            3,
            "Timeout: phone",
        )
        assert retry_parked() == 1
        assert handled == ["2"]

    def test_bury_what_was_never_tried(self, operator: Client) -> None:
        act(operator, "bury", [make(ParkedEvent, error="", attempts=0)])
        assert DeadLetter.objects.get().error == "Given up by an operator."


class TestDead:
    def test_requeue(self, operator: Client, handled: list[str]) -> None:
        letters = [make(DeadLetter, str(n)) for n in range(2)]
        assert "2 given back" in act(operator, "requeue", letters)
        assert not DeadLetter.objects.exists()
        assert LogEntry.objects.filter(change_message="Requeued.").count() == 2
        assert retry_parked() == 2
        assert handled == ["0", "1"]

    def test_what_is_no_event_is_shown_and_stays(self, operator: Client, handled: list[str]) -> None:
        dead = bury_message(
            "phones", topic="reminders", partition=3, offset=41, time=timezone.now(), key=b"bob",
            value=b"<script>\xff", headers=[("trace", b"1")], error="Expecting value",
        )  # fmt: skip
        page = operator.get(url_of("change", dead)).content.decode()
        assert "&lt;script&gt;\\xff" in page
        assert "reminders/3@41" in page
        event = make(DeadLetter, "1")
        page = act(operator, "requeue", [dead, event])
        assert "1 given back" in page
        assert f"{dead.pk} is still no event" in page
        assert list(DeadLetter.objects.all()) == [dead]
        assert LogEntry.objects.filter(change_message="Requeued.").get().object_id == str(event.pk)

    def test_drop_asks_first(self, operator: Client) -> None:
        dropped, kept = make(DeadLetter, "1"), make(DeadLetter, "2")
        assert "Are you sure" in act(operator, "delete_selected", [dropped])
        assert DeadLetter.objects.count() == 2
        act(operator, "delete_selected", [dropped], post="yes")
        assert list(DeadLetter.objects.all()) == [kept]


@pytest.mark.parametrize(
    ("model", "action"), [(ParkedEvent, "retry_now"), (ParkedEvent, "bury"), (DeadLetter, "requeue")]
)
def test_who_may_only_look_can_do_none(alice: User, model: type[EventFields], action: str) -> None:
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    looking = Client()
    looking.force_login(alice)
    row = make(model, **(in_ten_minutes() if model is ParkedEvent else {}))
    before = list(model.objects.values())  # type: ignore[attr-defined]
    act(looking, action, [row])
    assert list(model.objects.values()) == before  # type: ignore[attr-defined]
