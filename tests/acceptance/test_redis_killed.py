"""Valkey killed under load and started again: no request fails, and every change has its event."""

import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any
from uuid import uuid4

import pytest

from devkit.demo.push_service import push_service
from notifications_app.pinned_http import READ_SECONDS
from tests.acceptance.instance import Instance, instance
from tests.acceptance.journal import changes, keep_journal, unmatched
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.slow

THREADS = 8
PHASE_SECONDS = 6.0  # longer than any request may wait
# Longer than a request may wait for a store that is away, and shorter than users would wait.
LONGEST_SECONDS = 5.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    # A limit that is never reached; the counters are still used.
    with instance(tmp_path_factory.mktemp("redis") / "data", THROTTLE_WRITES="100000/min") as running:
        yield running


@dataclass
class Load:
    """Writers on every path that changes something, each for a user of its own."""

    running: Instance
    tokens: Sequence[str]
    phase: str = "before"
    stop: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[str, str, int, float]] = field(default_factory=list)

    def start(self) -> list[threading.Thread]:
        writers = [threading.Thread(target=self._write, args=(token,)) for token in self.tokens]
        for writer in writers:
            writer.start()
        return writers

    def _write(self, token: str) -> None:
        while not self.stop.is_set():
            for _ in self._life(token):
                if self.stop.is_set():
                    return

    def _life(self, token: str) -> Iterator[None]:
        """One task from its making to its end, with tags, in steps."""
        tag = self._ask("POST", "/api/tags", {"name": uuid4().hex}, token)["id"]
        other = self._ask("POST", "/api/tags", {"name": uuid4().hex}, token)["id"]
        yield
        task = self._ask("POST", "/api/tasks", {"title": "x", "tag_ids": [tag]}, token)["id"]
        path = f"/api/tasks/{task}"
        yield self._ask("PATCH", path, {"title": "y", "priority_id": 3}, token)
        yield self._ask("POST", f"{path}/snooze", {"until": _in_an_hour()}, token)
        yield self._ask("POST", f"{path}/complete", None, token)
        yield self._ask("POST", f"{path}/reopen", None, token)
        yield self._ask("PATCH", f"/api/tags/{other}", {"color": "#123456"}, token)
        yield self._ask("POST", f"/api/tags/{tag}/merge", {"into": other}, token)
        operations = [
            {"op": "create", "data": {"title": "z"}},
            {"op": "update", "id": task, "data": {"pinned": True}},
        ]
        yield self._ask("POST", "/api/tasks/bulk", {"operations": operations}, token)
        yield self._ask("DELETE", path, None, token)
        yield self._ask("POST", f"{path}/restore", None, token)
        yield self._ask("DELETE", f"/api/tags/{other}", None, token)
        yield self._ask("DELETE", f"{path}?permanent=true", None, token)
        yield self._ask("PATCH", "/api/me", {"timezone": "Europe/Berlin"}, token)

    def _ask(self, method: str, path: str, body: object, token: str) -> Any:
        started, phase = time.monotonic(), self.phase
        answer = self.running.call(method, path, body, token=token, Idempotency_Key=uuid4().hex)
        self.answers.append((phase, f"{method} {path}", answer.status, time.monotonic() - started))
        return answer.body

    def seconds(self, phase: str) -> list[float]:
        return sorted(taken for named, _, _, taken in self.answers if named == phase)


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def summary(load: Load) -> str:
    """The figures, for who runs it with -s."""
    lines = []
    for phase in ("before", "killed", "back", "frozen"):
        if seconds := load.seconds(phase):
            cuts = [round(cut * 1000) for cut in quantiles(seconds, n=100)]
            longest = round(seconds[-1] * 1000)
            lines.append(f"{phase}: {len(seconds)} writes, p50 {cuts[49]}, p99 {cuts[98]}, most {longest} ms")
    return "\n".join(lines)


def test_requests_and_events_go_on(running: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    with push_service() as service:
        keep_journal(running)
        tokens = [running.sign_up(f"{number}@example.test") for number in range(THREADS)]
        subscription = service.subscribe().subscription
        assert running.call("POST", "/api/push-subscriptions", subscription, token=tokens[0]).status == 201
        load = Load(running, tokens)
        writers = load.start()
        time.sleep(PHASE_SECONDS)

        load.phase = "killed"
        assert running.valkey.process
        running.valkey.process.kill()
        running.valkey.process.wait()
        at = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        reminding = {"title": "rings while it is away", "reminder_at": at}
        assert running.call("POST", "/api/tasks", reminding, token=tokens[0]).status == 201
        time.sleep(PHASE_SECONDS)
        assert service.messages == []  # ticks come by it: late, not lost

        running.valkey.start()
        running.valkey.wait_until_ready()
        back = time.monotonic()
        load.phase = "back"
        eventually(lambda: len(service.messages) == 1)
        until_delivered = time.monotonic() - back
        time.sleep(PHASE_SECONDS)

        load.phase = "frozen"  # it takes connections and never answers
        running.valkey.process.send_signal(signal.SIGSTOP)
        time.sleep(PHASE_SECONDS)
        running.valkey.process.send_signal(signal.SIGCONT)
        load.stop.set()
        for writer in writers:
            writer.join()

        eventually(running.is_ready)  # and no process has ended
        eventually(lambda: running.rows("SELECT count(*) FROM outbox_events") == [(0,)])
        with capsys.disabled():
            print(f"\n{summary(load)}\n{changes(running)} changes, unmatched {unmatched(running)}")
            print(f"reminder delivered {until_delivered:.1f} s after it was back")
        wrong = [(request, status) for _, request, status, _ in load.answers if status >= 400]
        assert wrong == []
        assert changes(running) > 100
        assert set(unmatched(running).values()) == {0}
        for phase in ("killed", "frozen"):
            assert load.seconds(phase)[-1] < LONGEST_SECONDS
        # What the live stream's store could not take waits for the next ticks.
        eventually(lambda: running.rows("SELECT count(*) FROM parked_events") == [(0,)])
        assert len(service.messages) == 1


def test_a_delivery_in_hand_does_not_end_its_worker(
    running: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with push_service() as service:
        go_on, take = threading.Event(), service.take
        arrived: list[float] = []

        def take_later(path: str, headers: Mapping[str, str], body: bytes) -> None:
            arrived.append(time.monotonic())
            go_on.wait(180)
            take(path, headers, body)

        monkeypatch.setattr(service, "take", take_later)
        token = running.sign_up("alice@example.test")
        subscription = service.subscribe().subscription
        assert running.call("POST", "/api/push-subscriptions", subscription, token=token).status == 201
        held = []
        for _ in range(3):  # which of the worker's connections notices first is chance
            go_on.clear()
            before, delivered = len(arrived), len(service.messages)
            at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
            task = {"title": "in hand", "reminder_at": at}
            assert running.call("POST", "/api/tasks", task, token=token).status == 201
            eventually(lambda before=before: len(arrived) > before)
            assert running.valkey.process
            running.valkey.process.kill()
            running.valkey.process.wait()
            running.valkey.start()
            running.valkey.wait_until_ready()
            held.append(time.monotonic() - arrived[before])
            go_on.set()
            eventually(running.is_ready)  # and no process has ended
            eventually(lambda delivered=delivered: len(service.messages) > delivered)
        # One that was in hand for longer than a worker waits for an answer comes again.
        assert len(service.messages) == 3 or max(held) > READ_SECONDS
