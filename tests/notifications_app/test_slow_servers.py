"""A hundred push endpoints that answer a byte at a time, on real sockets: others' reminders come on time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import connection

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription
from notifications_app.scan import scan_reminders
from notifications_app.sending import Pipeline
from tests.notifications_app.conftest import subscribe, task_due

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 180


class Dripper:
    """A server that answers every connection a byte at a time, for as long as it is there."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.peers: list[socket.socket] = []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=work) for work in (self._accept, self._drip)]
        for thread in self.threads:
            thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.peers.append(self.listening.accept()[0])

    def _drip(self) -> None:
        while not self.is_over.wait(0.1):
            for peer in self.peers.copy():
                try:
                    peer.sendall(b"H")
                except OSError:  # who waited for the answer has given up
                    self.peers.remove(peer)
                    peer.close()

    def close(self) -> None:
        self.is_over.set()
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in self.threads:
            thread.join()
        for peer in self.peers:
            peer.close()


@contextmanager
def worker() -> Iterator[None]:
    """A process that looks for deliveries again and again, as hints have it do."""
    over = threading.Event()
    pipeline = Pipeline(window=64)

    def work() -> None:
        while not over.wait(0.02):
            pipeline.run()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def eventually(is_so: Callable[[], bool]) -> float:
    """Wait until it is so; the seconds that took."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < PATIENCE_SECONDS
        time.sleep(0.01)
    return time.monotonic() - started


@pytest.mark.slow
def test_a_hundred_dripping_endpoints_delay_no_one_else(
    alice: User, bob: User, charlie: User, service: PushService
) -> None:
    dripper = Dripper()
    port = dripper.listening.getsockname()[1]
    for user in (alice, charlie):
        keys = {name: value for name, value in service.subscribe().subscription.items() if name != "endpoint"}
        PushSubscription.objects.bulk_create(
            PushSubscription(user=user, endpoint=f"http://127.0.0.1:{port}/{user.pk}/{number}", **keys)
            for number in range(50)
        )
        task_due(user)
    subscribe(bob, service.subscribe())
    scan_reminders()
    with worker():
        eventually(lambda: len(dripper.peers) >= 8)
        for reminders in range(1, 4):
            task_due(bob)
            scan_reminders()
            # Behind one that drips it would be 15 s.
            assert eventually(lambda: len(service.messages) == reminders) < 5  # noqa: B023
        eventually(lambda: len(dripper.peers) <= 16)  # a quarter of the window
        dripper.close()
        eventually(lambda: not DeliveryAttempt.objects.filter(status=None, error="").exists())
    assert Delivery.objects.filter(user=bob, state="sent").count() == 3
    assert not Delivery.objects.exclude(user=bob).exclude(state="pending").exists()
