"""A rich story of some lives with tasks, step by step, which a broker may deliver again later."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import time_machine

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.due_soon import announce_due_soon
from notifications_app.models import Delivery, PushSubscription
from notifications_app.scan import scan_reminders
from notifications_app.sending import deliver
from notifications_app.subscriptions import unsubscribe
from tasks_app.models import Tag, Task
from tasks_app.services import (
    complete_task,
    create_task,
    merge_tag,
    reopen_task,
    restore_task,
    trash_task,
    update_task,
)
from tasks_app.tasks import KEPT, purge_trash

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Told = Callable[[], None]


class Story:
    """`told` brings every event so far to every group."""

    def __init__(self, service: PushService, clock: time_machine.Traveller, told: Told) -> None:
        self.service, self.clock, self.told = service, clock, told

    def tell(self, alice: User, bob: User, charlie: User) -> None:
        chapters = [self._series(alice), self._endings(alice), self._reminders(alice), self._series(bob)]
        for chapter in (*chapters, self._farewell(bob, charlie)):
            for _ in chapter:
                self.told()
                self.clock.shift(60)
        self.told()

    def _series(self, user: User) -> Iterator[None]:
        """Successors that live, were trashed, restored, purged and erased; one of a rule that changed."""
        erased, trashed, purged, restored, reopened, moved, overdue, headless = (
            self._daily(user) for _ in range(8)
        )
        tags = [Tag.objects.create(user=user, name=name) for name in ("home", "garden", "soon")]
        update_task(self._now(moved), tags=tags)
        yield
        for task in (erased, trashed, purged, restored, reopened, moved, overdue, headless):
            complete_task(self._now(task))
        yield
        Task.objects.get(generated_from=erased).delete()
        for task in (trashed, purged, restored):
            trash_task(self._now(Task.objects.get(generated_from=task)))
        reopen_task(self._now(reopened))
        update_task(self._now(moved), recurrence_rule="weekly")
        update_task(Task.objects.get(generated_from=overdue), recurrence_mode="after_completion")
        self._now(headless).delete()
        yield
        restore_task(Task.objects.get(generated_from=restored))
        long_ago = NOON - KEPT - timedelta(days=1)
        update_task(Task.objects.get(generated_from=purged), deleted_at=long_ago)
        purge_trash()
        complete_task(self._now(reopened))
        reopen_task(self._now(moved))
        complete_task(Task.objects.get(generated_from=overdue))
        merge_tag(tags[0], into=tags[1])
        tags[2].delete()
        yield
        reopen_task(self._now(erased))
        complete_task(self._now(moved))
        yield
        complete_task(self._now(erased))
        yield
        Task.objects.get(generated_from=erased).delete()

    def _endings(self, user: User) -> Iterator[None]:
        """Series that end: by their own end, by a deletion, with everything of them erased."""
        due = self._soon(hours=3)
        last = create_task(
            user, title="last", due_at=due, recurrence_rule="daily", recurrence_end=due + timedelta(hours=1)
        )
        alone = self._daily(user)
        yield
        for task in (last, alone):
            complete_task(self._now(task))
        yield
        Task.objects.filter(series_id=alone.series_id).delete()
        update_task(self._now(last), recurrence_end=due + timedelta(days=9))

    def _reminders(self, user: User) -> Iterator[None]:
        """No device, then two; delivered, cancelled, and on the way when a browser goes; announced."""
        create_task(user, title="nowhere", reminder_at=self._soon(minutes=-1))
        create_task(user, title="soon", due_at=self._soon(hours=20))
        scan_reminders()
        announce_due_soon()
        yield
        first, second = (self._subscribe(user) for _ in range(2))
        done, delivered = (create_task(user, title="x", reminder_at=self._soon(minutes=-1)) for _ in range(2))
        scan_reminders()
        yield
        complete_task(self._now(done))
        unsubscribe(second)
        for delivery in Delivery.objects.order_by("pk"):
            deliver(delivery.pk)
        assert self._now(delivered).reminder_sent
        yield
        self._subscribe(user)
        create_task(user, title="waits", reminder_at=self._soon(minutes=-1))
        scan_reminders()
        yield
        first.delete()

    def _farewell(self, bob: User, charlie: User) -> Iterator[None]:
        """Bob closes his account, Charlie writes and erases everything."""
        close_account(bob)
        for _ in range(100):
            erase_closed_accounts()
            yield
            if not User.objects.filter(pk=bob.pk).exists():
                break
        assert not User.objects.filter(pk=bob.pk).exists()
        complete_task(self._daily(charlie))
        yield
        Task.objects.filter(user=charlie).delete()

    def _daily(self, user: User) -> Task:
        return create_task(
            user, title="water", due_at=self._soon(hours=2), recurrence_rule="daily", reminder_offsets=[30]
        )

    def _subscribe(self, user: User) -> PushSubscription:
        return PushSubscription.objects.create(user=user, **self.service.subscribe().subscription)

    @staticmethod
    def _now(task: Task) -> Task:
        return Task.objects.get(pk=task.pk)

    @staticmethod
    def _soon(**delta: float) -> datetime:
        return datetime.now(UTC) + timedelta(**delta)
