"""The story, step by step. Each step does one thing, checks what it claims, and says what it saw."""

import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from devkit.demo.client import Client
from devkit.demo.instance import Instance
from devkit.demo.live import LiveStream
from devkit.demo.outbox import Outbox
from devkit.demo.people import Person
from devkit.demo.push_service import Browser, Message, PushService
from devkit.demo.steps import NotSeenError, Step, StepFailedError, milliseconds, require, wait_for

ZONE = ZoneInfo("Europe/Berlin")
TITLE = "Water the plants"
# Far from the hours in which clocks change, so that "the same hour tomorrow" has one meaning.
DUE_HOUR = 9
REMINDER_AHEAD = timedelta(seconds=1.5)
# The scan ticks each second, the relay many times a second; the rest is patience with a busy machine.
PUSH_SECONDS = 60
EVENT_SECONDS = 60

_HOW_TO_PERMIT = (
    "it sends to public https push services only, and the story's own is on this machine. "
    "For development start it with `PUSH_ALLOW_INSECURE_ENDPOINTS=true ./todo up`, "
    "or run the demo without TODO_URL, on an instance of its own"
)


class Story:
    """One user, one recurring task, one reminder; steps share what they found."""

    owner: Person
    browser: Browser
    public_key: str
    subscription_id: int
    due: datetime
    reminder_at: datetime
    live: LiveStream
    written_before: int
    sent: float
    answered: float
    task: dict[str, Any]
    message: Message
    following: dict[str, Any]

    def __init__(self, instance: Instance, push: PushService) -> None:
        self.instance = instance
        self.push = push
        self.people: list[Person] = []

    def steps(self) -> list[tuple[str, Step]]:
        """Title and step, in the order of the story."""
        return [
            ("Register", self.register),
            ("Sign in", self.sign_in),
            ("Subscribe", self.subscribe),
            ("Connect", self.connect),
            ("Create", self.create_task),
            ("Live", self.change_is_live),
            ("Event", self.event_is_handled),
            ("Reminder", self.reminder_comes_due),
            ("Web Push", self.push_is_readable),
            ("Trace", self.trace_shows_it),
            ("Complete", self.complete),
            ("Next", self.next_occurrence_appears),
            ("Only once", self.completing_again_makes_no_other),
            ("Private", self.others_see_nothing),
            ("Quiet", self.nothing_rang_twice),
        ]

    # --- a person and a browser --------------------------------------------------------------------

    def register(self) -> str:
        self.owner = self._new_person(ZONE.key)
        return f"{self.owner.email} opens an account and lives in {ZONE}"

    def sign_in(self) -> str:
        self.owner.sign_in()
        me = self.owner.client.call("GET", "/api/me")
        require(me["email"] == self.owner.email and me["timezone"] == ZONE.key, f"GET /api/me says {me}")
        return "e-mail and password give a token; GET /api/me knows who it is"

    def subscribe(self) -> str:
        client = self.owner.client
        self.public_key = client.call("GET", "/api/push/vapid-public-key")["public_key"]
        self.browser = self.push.subscribe()
        status, text = client.send("POST", "/api/push-subscriptions", self.browser.subscription)
        require("endpoint_refused" not in text, _HOW_TO_PERMIT)
        require(status == 201, f"POST /api/push-subscriptions answered {status}: {text}")
        subscriptions = client.call("GET", "/api/push-subscriptions")["results"]
        require([each["endpoint"] for each in subscriptions] == [self.browser.endpoint], f"{subscriptions}")
        self.subscription_id = subscriptions[0]["id"]
        return f"a browser with a P-256 key of its own subscribes, at the push service {self.push.url}"

    def connect(self) -> str:
        ticket = self.owner.client.call("POST", "/api/stream/ticket", expect=201)
        self.live = LiveStream(ticket["url"], ticket["ticket"])
        return f"the live stream at {ticket['url']} is open, by a ticket that works once"

    # --- a task, its event, its reminder -----------------------------------------------------------

    def create_task(self) -> str:
        tomorrow = datetime.now(ZONE).date() + timedelta(days=1)
        self.due = datetime(tomorrow.year, tomorrow.month, tomorrow.day, DUE_HOUR, tzinfo=ZONE)
        self.written_before = self._outbox().written() if self.instance.database_url else 0
        self.reminder_at = datetime.now(ZONE) + REMINDER_AHEAD
        wanted = {
            "title": TITLE,
            "due_at": self.due.isoformat(),
            "reminder_at": self.reminder_at.isoformat(),
            "recurrence_rule": "daily",
        }
        self.sent = time.monotonic()
        self.task = self.owner.client.call("POST", "/api/tasks", wanted, expect=201)
        self.answered = time.monotonic()
        require(self.task["version"] == 1, f"a new task has version {self.task['version']}")
        require(datetime.fromisoformat(self.task["due_at"]) == self.due, f"due at {self.task['due_at']}")
        ahead = f"reminder in {REMINDER_AHEAD.total_seconds()} s"
        return f'"{TITLE}", daily, due {_local(self.due)}, {ahead}: task {self.task["id"]}, version 1'

    def change_is_live(self) -> str:
        task_id, what = self.task["id"], "the live stream did not report the task"
        at, update = wait_for(lambda: self.live.find(task_id, 1), seconds=EVENT_SECONDS, what=what)
        require(update["changes"]["title"] == TITLE, f"it says {update['changes']}")
        return f"the stream sent task {task_id} {milliseconds(at - self.sent)} after its request"

    def event_is_handled(self) -> str:
        outbox, task_id = self._outbox(), self.task["id"]
        written = outbox.written() - self.written_before
        require(written >= 2, f"{written} events were written with the task, not task.created and task.sync")
        what = "the relay had not taken the task's events"
        wait_for(lambda: outbox.waiting(task_id) == 0 or None, seconds=EVENT_SECONDS, what=what)
        return (
            f"{written} events written with it (task.created, task.sync) and taken by the relay, "
            f"{self._since_answer()} after the answer (seen in table outbox_events)"
        )

    def reminder_comes_due(self) -> str:
        def look() -> Message | None:
            return next(iter(self.push.messages), None)

        try:
            self.message = wait_for(look, seconds=PUSH_SECONDS, what="no Web Push arrived", every=0.005)
        except StepFailedError as error:
            trace = "; ".join(map(_in_words, self._trace())) or "it is not even due"
            raise StepFailedError(f"{error}; the trace: {trace}") from error
        lateness = (datetime.now(ZONE) - self.reminder_at).total_seconds()
        require(lateness > 0, f"it came {milliseconds(-lateness)} too early")
        at = self.reminder_at.time().isoformat("milliseconds")
        return f"due at {at}, at the push service {milliseconds(lateness)} later"

    def push_is_readable(self) -> str:
        """The push service has verified and decrypted it already, or it would have refused it."""
        notification, headers = self.message.notification, self.message.headers
        task_id = notification["data"]["task_id"]
        require(task_id == self.task["id"], f"it is about task {task_id}")
        require(notification["title"] == TITLE, f"it says {notification['title']!r}")
        authorization = headers["authorization"]
        require(f"k={self.public_key}" in authorization, f"signed by another key: {authorization}")
        return (
            f"{headers['content-length']} encrypted bytes that the browser's key opens: "
            f'"{notification["title"]}"; VAPID verified: this instance sent it, to this service'
        )

    def trace_shows_it(self) -> str:
        def look() -> dict[str, Any] | None:
            return next((entry for entry in self._trace() if entry["state"] == "delivered"), None)

        entry = wait_for(look, seconds=EVENT_SECONDS, what="the trace did not say delivered")
        require(len(entry["deliveries"]) == 1, f"{len(entry['deliveries'])} deliveries instead of one")
        self.task = self.owner.client.call("GET", f"/api/tasks/{self.task['id']}")
        require(self.task["reminder_sent"], "the task does not say reminder_sent")
        claimed = milliseconds(entry["lateness_seconds"])
        sent = f"reminder_sent is true, {self._version()}"
        return f"claimed {claimed} after its time; {_in_words(entry)}; {sent}"

    # --- done, and the next one --------------------------------------------------------------------

    def complete(self) -> str:
        before = self.task["version"]
        self.task = self._act(self.task, "complete")
        self.answered = time.monotonic()
        require(self.task["completed"] and self.task["completed_at"], "it is not completed")
        require(self.task["version"] == before + 1, f"version {before} became {self.task['version']}")
        return f"task {self.task['id']} is done, {self._version()}"

    def next_occurrence_appears(self) -> str:
        self.following = self._occurrences(1)[0]
        appeared = self._since_answer()
        due = self._require_follows(self.following, days=1)
        return (
            f"task {self.following['id']} appears {appeared} after the answer, due {_local(due)}, "
            f"the same hour a day later; parent_task_id {self.following['parent_task_id']}"
        )

    def completing_again_makes_no_other(self) -> str:
        again = self._act(self.task, "complete")
        require(again["version"] == self.task["version"], "completing a completed task changed it")
        # Reopening takes the successor back, completing brings the same one back.
        self._act(self.task, "reopen")
        require(not self._occurrences(0), "there are two open ones after the first was reopened")
        self._act(self.task, "complete")
        self._act(self._occurrences(1)[0], "complete")
        first, second, *others = self._occurrences(2)
        require(not others, f"{len(others) + 2} occurrences instead of 2")
        require(first["id"] == self.following["id"], f"task {first['id']} stands beside the first successor")
        due = self._require_follows(second, days=2)
        return (
            f"task {self.task['id']} completed again, then reopened and completed: the same next one; "
            f"completing task {first['id']} makes task {second['id']}, due {_local(due)}"
        )

    # --- what must not happen ----------------------------------------------------------------------

    def others_see_nothing(self) -> str:
        stranger = self._new_person("America/New_York")
        stranger.sign_in()
        task = f"/api/tasks/{self.task['id']}"
        tried: list[tuple[str, str, dict[str, Any] | None]] = [
            ("GET", task, None),
            ("PATCH", task, {"title": "Mine"}),
            ("POST", f"{task}/complete", None),
            ("DELETE", task, None),
            ("GET", f"{task}/reminders", None),
            ("DELETE", f"/api/push-subscriptions/{self.subscription_id}", None),
        ]
        for method, path, body in tried:
            stranger.client.call(method, path, body, expect=404)
        require(self.owner.client.call("GET", task)["title"] == TITLE, "the task was changed")
        return f"another user gets 404 on all {len(tried)} ways to the task and the subscription"

    def nothing_rang_twice(self) -> str:
        require(self.push.requests == 1, f"the push service was called {self.push.requests} times")
        return "the push service was called exactly once"

    def clean_up(self) -> str:
        """Remove what a client can remove; what stays is named."""
        erased = [person.leave() for person in self.people]
        tasks, subscriptions = (sum(counts) for counts in zip((0, 0), *erased, strict=True))
        emails = " and ".join(person.email for person in self.people) or "none"
        return f"erased: {tasks} tasks, {subscriptions} subscription; accounts that stay: {emails}"

    # --- ways to look ------------------------------------------------------------------------------

    def _new_person(self, timezone: str) -> Person:
        person = Person(Client(self.instance.url), timezone)
        self.people.append(person)  # first, so that clean-up knows of an account whose answer never came
        person.register()
        return person

    def _outbox(self) -> Outbox:
        if not self.instance.database_url:
            raise NotSeenError("only its database shows an instance's outbox; what follows shows the effect")
        return Outbox(self.instance.database_url)

    def _act(self, task: dict[str, Any], action: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.owner.client.call("POST", f"/api/tasks/{task['id']}/{action}")
        return answer

    def _trace(self) -> list[dict[str, Any]]:
        page = self.owner.client.call("GET", f"/api/tasks/{self.task['id']}/reminders")
        entries: list[dict[str, Any]] = page["results"]
        return entries

    def _occurrences(self, count: int) -> list[dict[str, Any]]:
        """The occurrences after the first task, oldest first, as soon as there are `count` or more."""
        path = f"/api/tasks?parent={self.task['id']}&ordering=created_at"

        def look() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = self.owner.client.call("GET", path)["results"]
            return found if len(found) >= count else None

        what = f"there were no {count} occurrences after the first"
        return wait_for(look, seconds=EVENT_SECONDS, what=what, every=0.02)

    def _require_follows(self, task: dict[str, Any], *, days: int) -> datetime:
        """The due time of an occurrence that must have the same wall-clock hour so many days later."""
        due = datetime.fromisoformat(task["due_at"]).astimezone(ZONE)
        right = self.due + timedelta(days=days)  # wall-clock arithmetic: the hour stays when clocks change
        require(due == right, f"task {task['id']} is due {_local(due)} instead of {_local(right)}")
        require(task["parent_task_id"] == self.task["id"], f"its parent is {task['parent_task_id']}")
        require(not task["completed"] or days < 2, f"task {task['id']} begins completed")
        return due

    def _version(self) -> str:
        return f"version {self.task['version']}"

    def _since_answer(self) -> str:
        return milliseconds(time.monotonic() - self.answered)


def _in_words(entry: dict[str, Any]) -> str:
    attempts = [attempt for delivery in entry["deliveries"] for attempt in delivery["attempts"]]
    answers = ", ".join(f"{attempt['status'] or attempt['error']}" for attempt in attempts)
    return f"{entry['state']}, the push service answered {answers or 'nothing yet'}"


def _local(instant: datetime) -> str:
    return f"{instant:%a %d %b %H:%M %Z}"
