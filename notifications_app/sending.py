"""Send what is due: claim, send in threads, record; many at once, and nothing waits for the slowest.

One thread claims and records. Each time it records whatever was sent while it was busy. So batches grow with
the load, and the time between a send and its record is short. If a worker is killed in that time, another one
sends the delivery again, and not every browser replaces the first notification.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from threading import Condition, Lock
from time import monotonic

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from notifications_app import pinned_http
from notifications_app.channels import all_channels
from notifications_app.channels.channel import AttemptOutcome, ChannelUnavailableError, Verdict
from notifications_app.claiming import Claimed, Lease, claim
from notifications_app.hints import hint
from notifications_app.models import Delivery
from notifications_app.recording import record_all
from notifications_app.reporting import about
from notifications_app.results import Ended, NotTried, Result
from notifications_app.retrying import UNAVAILABLE_RETRY
from notifications_app.traffic import Traffic

log = structlog.get_logger(__name__)

# The longest send, a second longer than pinned_http.py allows.
SEND_SECONDS = 16
# The worker has other work, and a time limit that kills it. After this long a hint starts the next run.
RUN_SECONDS = 20.0
# How long to wait for a send to end before looking again for what is due.
LOOK_SECONDS = 0.05
# A run stays for what it has put off for no longer than this; the rest is left to the next hint or tick.
STAY_SECONDS = 1.0
NOW = timedelta(0)


def deliver(delivery_id: int) -> None:
    """Make one attempt and record it, if the delivery is due and no other worker has a lease."""
    claimed = claim(1, only=delivery_id)
    results = [Result(lease, Ended(state)) for lease, state in claimed.ended]
    results += [Result(lease, send(lease)) for lease in claimed.leases]
    if results:
        record_all(results)


def deliver_due() -> None:
    """Deliver until nothing is due, or for RUN_SECONDS."""
    _pipeline(settings.DELIVERIES_WINDOW).run()


def send(lease: Lease) -> AttemptOutcome | NotTried:
    """Send once, unless the lease ends too soon for it. Any failure of the channel is an outcome."""
    delivery = lease.delivery
    if timezone.now() > lease.ends_at - timedelta(seconds=SEND_SECONDS):
        return NotTried(NOW)  # this process was suspended, and another one may send it soon
    try:
        return all_channels()[delivery.channel].send(delivery)
    except ChannelUnavailableError as error:
        log.error("channel_unavailable", **about(delivery), error=str(error))
        return NotTried(UNAVAILABLE_RETRY)
    except Exception as error:  # any failure of a channel is recorded, and tried again
        log.exception("channel_failed", **about(delivery))
        return AttemptOutcome(verdict=Verdict.LATER, error=f"{type(error).__name__}: {error}")


class Pipeline:
    """What one process sends: at most `window` deliveries that are being sent or are not recorded yet.

    `run` does not wait for slow sends. Each of their threads records its own result.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.traffic = Traffic(window)
        self._open = 0
        self._stay_until = 0.0
        self._done: list[Result] = []
        self._is_running = False
        self._changed = Condition()
        self._runs, self._records = Lock(), Lock()

    def run(self) -> None:
        """Deliver until nothing is due that may be sent now, or for RUN_SECONDS; record what is sent then."""
        ends_at = monotonic() + RUN_SECONDS
        threads = ThreadPoolExecutor(self.window, thread_name_prefix="sender")
        with self._runs:
            self._is_running = True
            try:
                while monotonic() < ends_at and self._turn(threads):
                    pass
                # A thread that is left alone records by itself, and sends a hint. A burst would leave dozens.
                while self.traffic.young():
                    self._record_what_came()
                    self._wait_for_a_result()
            finally:
                with self._changed:
                    self._is_running = False
                threads.shutdown(wait=False)
                self._record_what_came()
                if not self._open:
                    pinned_http.close_idle()
            if monotonic() >= ends_at:
                hint()

    def _turn(self, threads: ThreadPoolExecutor) -> bool:
        """Record what came, and claim as much as there is room for; whether there may be more to do."""
        self._record_what_came()
        room = self.window - self._open
        # Few at a time would cost more statements than the sends take time.
        if room < self.window // 4:
            self._wait_for_a_result()
            return True
        claimed = self._claim(room)
        for lease in claimed.leases:
            threads.submit(self._send, lease)
        if claimed.found:
            return True
        if self.traffic.young() or monotonic() < self._stay_until:
            self._wait_for_a_result()
            return True
        return False

    def _claim(self, room: int) -> Claimed:
        admitted = []

        def wait(delivery: Delivery) -> timedelta:
            origin = all_channels()[delivery.channel].origin(delivery.target)
            seconds = self.traffic.start(delivery.pk, origin, delivery.user_id)
            if not seconds:
                admitted.append(delivery.pk)
            elif seconds <= STAY_SECONDS:
                self._stay_until = max(self._stay_until, monotonic() + seconds + LOOK_SECONDS)
            return timedelta(seconds=seconds)

        try:
            claimed = claim(room, wait=wait)
        except BaseException:
            for number in admitted:
                self.traffic.end(number)
            raise
        ended = [Result(lease, Ended(state)) for lease, state in claimed.ended]
        with self._changed:
            self._open += len(claimed.leases) + len(ended)
            self._done += ended
        return claimed

    def _wait_for_a_result(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._done, LOOK_SECONDS)

    def _send(self, lease: Lease) -> None:
        try:
            what = send(lease)
        finally:
            self.traffic.end(lease.delivery.pk)
        with self._changed:
            self._done.append(Result(lease, what))
            self._changed.notify()
            is_left_alone = not self._is_running
        if is_left_alone:
            try:
                self._record_what_came()
            finally:
                connection.close()
            hint()  # what was put off may be sent now

    def _record_what_came(self) -> None:
        """Record the results so far, unless another thread is doing that; it then records these too."""
        while self._done and self._records.acquire(blocking=False):
            with self._changed:
                results, self._done = self._done, []
            try:
                record_all(results)
            finally:
                with self._changed:
                    self._open -= len(results)
                self._records.release()


@cache
def _pipeline(window: int) -> Pipeline:
    """The one of this process."""
    return Pipeline(window)
