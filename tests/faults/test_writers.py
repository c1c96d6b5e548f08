"""What a writer says it changed has an event: one that is wrong finds changes lost that never were."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from events_app.brokers import InProcessBroker
from events_app.models import OutboxEvent, ParkedEvent
from events_app.relay import relay_batch
from tasks_app.models import Task
from tests.acceptance.calls import Answer
from tests.faults.client import StubbornClient
from tests.faults.journal import Journal
from tests.faults.writers import Writer

STEPS = 80


class ClientInProcess(StubbornClient):
    """Asks this process."""

    def __init__(self, user: User, journal: Journal) -> None:
        super().__init__(0, journal)
        self._api = APIClient()
        self._api.force_authenticate(user)

    def _try(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        data: Any = {} if body is None else {"data": body, "content_type": headers.pop("Content-Type")}
        response = self._api.generic(method, path, headers=headers, **data)
        return Answer(response.status_code, response.headers, response.content)


class RecurringWriter(Writer):
    """Mostly recurring tasks, which are reopened and found more often than others."""

    def step(self) -> None:
        self.random.choice([super().step, super().step, self._adopt, self._reopen, self._complete])()

    def _fields(self) -> dict[str, Any]:
        return super()._fields() | {"due_at": self._in(86_400), "recurrence_rule": "daily"}


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "journal.jsonl")
    yield journal
    journal.close()


@pytest.mark.django_db
def test_each_change_it_says_has_an_event(alice: User, journal: Journal) -> None:
    writer = RecurringWriter(ClientInProcess(alice, journal), "seed")
    told: set[tuple[str, str]] = set()
    for _ in range(STEPS):
        writer.step()
        told |= set(OutboxEvent.objects.values_list("request_id", "subject"))
        while relay_batch(InProcessBroker()):
            pass
    assert not ParkedEvent.objects.exists()
    assert Task.objects.filter(generated_from__isnull=False).exists()
    said = {(entry.request_id, str(task)) for entry in journal.entries() for task in entry.changed}
    assert len(said) > STEPS
    assert not said - told
