"""Chains of what may happen to a series, beside a model in plain Python of what must come of them.

A step is an action on a row of the series; each takes a day, or none. The model is the semantics written a
second time: days are numbers, and no SQL, no event and no version is in it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from accounts_app.models import User
from events_app.envelope import Event, from_row
from events_app.handling import handle
from events_app.models import OutboxEvent, ParkedEvent
from tasks_app.models import SeriesSlot, Task
from tasks_app.services import (
    complete_task,
    create_task,
    reopen_task,
    restore_task,
    skip_task,
    stop_series,
    trash_task,
    update_task,
)

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 23, 9, tzinfo=UTC)
BEFORE_SLOT = timedelta(hours=2)  # the clock stands at 07:00 of a day, two hours before the day's slot
REMINDER_MINUTES = 30
ON_A_ROW = ("complete", "reopen", "trash", "restore", "skip", "move", "stop", "erase")
OF_EVENTS = ("handle", "replay")


@dataclass
class Row:
    """What the model knows of one task. `slot`: a day; `until`: the last day of the series, if it ends."""

    slot: int
    until: int | None = None
    completed: bool = False
    in_trash: bool = False
    skipped: bool = False
    touched: bool = False
    erased: bool = False
    moved_to: int | None = None
    successor: "Row | None" = None
    # How often it was completed or skipped; the last of these that has had its effect.
    completions: int = 0
    handled: int = 0

    @property
    def is_open(self) -> bool:
        return not (self.completed or self.in_trash or self.erased)


@dataclass
class Completion:
    """An event of a completion: of a row, its number, the day, and the end of the series at that time."""

    row: Row
    number: int
    day: int
    until: int | None


@dataclass
class Model:
    mode: str
    rows: list[Row] = field(default_factory=lambda: [Row(0)])

    def act(self, action: str, row: Row, today: int) -> Completion | None:
        """Do it; the event of a completion. The action is possible (see `possible`)."""
        completion = None
        if action == "complete":
            row.completed, row.touched = True, True
            row.completions += 1
            completion = Completion(row, row.completions, today, row.until)
        elif action == "reopen":
            row.completed = False
            self._take_back(row)
        elif action == "restore":
            row.in_trash = False
            if row.skipped:
                row.skipped = False
                self._take_back(row)
        elif action == "skip":
            row.in_trash = row.skipped = True
            row.completions += 1
            self._go_on(Completion(row, row.completions, today, row.until))
        elif action == "trash":
            row.in_trash = True
        elif action == "erase":
            row.erased = True
        elif action == "move":
            row.moved_to, row.touched = row.slot + 20, True
        elif action == "stop":
            row.touched = row.touched or row.until != row.slot
            row.until = row.slot
        return completion

    def handle(self, completion: Completion) -> None:
        row = completion.row
        undone = not row.erased and not (row.completed and row.completions == completion.number)
        # Of an erased row it counts whether it was erased when completed.
        if undone or (row.erased and not row.completed) or completion.number <= row.handled:
            return
        self._go_on(completion)

    def _take_back(self, row: Row) -> None:
        successor = row.successor
        if successor and successor.is_open and not successor.touched:
            successor.in_trash = True

    def _go_on(self, completion: Completion) -> None:
        row = completion.row
        row.handled = completion.number
        successor = row.successor if row.successor and not row.successor.erased and not row.erased else None
        if successor is None:
            self._create(completion)
        elif successor.in_trash and not successor.completed and not successor.skipped:
            has_one = successor.successor is not None and not successor.successor.erased
            if not (successor.touched and has_one):
                self._bring_back(completion, successor)

    def _create(self, completion: Completion) -> None:
        row = completion.row
        if any(other.is_open and other.slot > row.slot for other in self.rows):
            return
        slot = self._free_slot(completion, None)
        if slot is not None:
            row.successor = Row(slot, completion.until)
            self.rows.append(row.successor)

    def _bring_back(self, completion: Completion, successor: Row) -> None:
        slot = self._free_slot(completion, successor)
        if slot is None:
            return
        successor.in_trash = False
        if not successor.touched:
            successor.until = completion.until
        if slot != successor.slot:
            successor.slot, successor.moved_to = slot, None

    def _free_slot(self, completion: Completion, successor: Row | None) -> int | None:
        row, today = completion.row, completion.day
        if completion.until is not None and completion.until <= row.slot:
            return None
        taken = {other.slot for other in self.rows if other is not successor and not other.erased}
        day = max(row.slot + 1, today) if self.mode == "fixed" else today + 1
        if row.erased and (day in taken):
            return None
        while day in taken or (self.mode != "fixed" and day == row.slot):
            day += 1
        return day if completion.until is None or day <= completion.until else None


def possible(action: str, row: Row) -> bool:
    """Whether the API allows it, and it changes something."""
    return not row.erased and {
        "complete": row.is_open,
        "reopen": row.completed and not row.in_trash,
        "trash": not row.in_trash,
        "restore": row.in_trash,
        "skip": row.is_open,
        "move": row.is_open and row.moved_to is None,
        "stop": row.is_open and row.until != row.slot,
        "erase": True,
    }.get(action, False)


class Chain:
    """The model and the database, side by side."""

    def __init__(self, user: User, clock: time_machine.Traveller, mode: str) -> None:
        self.clock, self.today, self.seconds = clock, 0, 0
        self.pass_days(0)
        self.model = Model(mode)
        task = create_task(
            user,
            title="water the plants",
            due_at=FIRST,
            recurrence_rule="daily",
            recurrence_mode=mode,
            reminder_offsets=[REMINDER_MINUTES],
        )
        self.series_id = task.series_id
        self.pks = [task.pk]
        self.waiting: list[tuple[Completion, Event]] = []
        self.handled: list[tuple[Completion, Event]] = []

    def act(self, action: str, number: int, days: int = 0) -> bool:
        """One step on the row of this number, oldest first, after so many days; whether it was possible."""
        rows = self.model.rows
        if action in OF_EVENTS:
            events = self.waiting if action == "handle" else self.handled
            if not events:
                return False
            self.pass_days(days)
            self._handle(events[min(number, len(events) - 1)])
        elif number >= len(rows) or not possible(action, rows[number]):
            return False
        else:
            self.pass_days(days)
            self._change(action, number)
        self._note_new_rows()
        self.check()
        return True

    def pass_days(self, days: int) -> None:
        self.today += days
        # A second more, so that two completions are never at the same instant.
        self.seconds += 1
        self.clock.move_to(FIRST - BEFORE_SLOT + self.today * DAY + timedelta(seconds=self.seconds))

    def settle(self) -> None:
        """Handle what waits, twice each, the second time after the others."""
        waiting = list(self.waiting)
        for one in [*waiting, *waiting]:
            self._handle(one)
            self._note_new_rows()
        self.check()

    def check(self) -> None:
        """The rows are those of the model, and what must always be true is."""
        tasks = Task.objects.in_bulk(self.pks)
        for pk, row in zip(self.pks, self.model.rows, strict=True):
            assert (pk in tasks) is not row.erased
            if pk in tasks:
                found, expected = _of(tasks[pk]), _of_model(row)
                assert found == expected, (pk - self.pks[0], found, expected)
        assert set(Task.objects.filter(series_id=self.series_id).values_list("pk", flat=True)) == set(tasks)
        slots = [task.occurrence_at for task in tasks.values()]
        assert len(set(slots)) == len(slots)
        for task in tasks.values():
            self._check_reminder(task)

    def _check_reminder(self, task: Task) -> None:
        if task.completed or task.deleted_at:
            assert task.next_reminder_at is None
            return
        assert task.due_at is not None
        rings_at = task.due_at - timedelta(minutes=REMINDER_MINUTES)
        now = FIRST - BEFORE_SLOT + self.today * DAY
        # A past one is late, or it was past when it was set.
        expected = (rings_at,) if rings_at > now else (rings_at, None)
        assert task.next_reminder_at in expected, (task.next_reminder_at, expected)

    def _change(self, action: str, number: int) -> None:
        completion = self.model.act(action, self.model.rows[number], self.today)
        task = Task.objects.locked().get(pk=self.pks[number])
        _ACTIONS[action](task)
        if completion:
            event = OutboxEvent.objects.filter(type="task.completed", subject=str(task.pk)).latest("id")
            self.waiting.append((completion, from_row(event)))
        OutboxEvent.objects.all().delete()

    def _handle(self, one: tuple[Completion, Event]) -> None:
        completion, event = one
        handle("recurring", event)
        assert not ParkedEvent.objects.exists()
        OutboxEvent.objects.all().delete()
        self.model.handle(completion)
        self.waiting = [other for other in self.waiting if other[1].id != event.id]
        if all(other[1].id != event.id for other in self.handled):
            self.handled.append(one)

    def _note_new_rows(self) -> None:
        new = Task.objects.filter(series_id=self.series_id, pk__gt=self.pks[-1])
        self.pks += new.order_by("pk").values_list("pk", flat=True)


def _move(task: Task) -> None:
    assert task.occurrence_at is not None
    update_task(task, due_at=task.occurrence_at + 20 * DAY)


_ACTIONS: dict[str, Any] = {
    "complete": complete_task,
    "reopen": reopen_task,
    "trash": trash_task,
    "restore": restore_task,
    "skip": skip_task,
    "move": _move,
    "stop": stop_series,
    "erase": Task.delete,
}


def _of(task: Task) -> tuple[Any, ...]:
    assert task.occurrence_at is not None
    assert task.due_at is not None
    end = task.recurrence_end and (task.recurrence_end - FIRST) // DAY
    return (
        (task.occurrence_at - FIRST) // DAY,
        (task.due_at - FIRST) // DAY,
        end,
        task.slot_state,
        task.completed,
        task.deleted_at is not None,
    )


def _of_model(row: Row) -> tuple[Any, ...]:
    state = "done" if row.completed else "moved" if row.moved_to is not None else "open"
    if row.in_trash and not row.completed:
        state = "skipped" if row.skipped else "deleted"
    due = row.slot if row.moved_to is None else row.moved_to
    return row.slot, due, row.until, state, row.completed, row.in_trash


def slots_of(chain: Chain) -> dict[int, str]:
    """What is recorded of the slots, by day."""
    rows = SeriesSlot.objects.filter(series_id=chain.series_id).values_list("slot_at", "outcome")
    return {(slot_at - FIRST) // DAY: outcome for slot_at, outcome in rows}
