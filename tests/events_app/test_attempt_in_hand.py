"""An event that is being tried holds up its own key alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event as Signal
from threading import Thread

import pytest
from django.db import connection
from pytest_django import Settings

from events_app import groups
from events_app.handling import handle
from events_app.parked import retry_parked
from tests.events_app.test_handling import Group, event

pytestmark = pytest.mark.django_db(transaction=True)


class SlowGroup(Group):
    """Its handler waits, for the subject `slow`, until it may go on."""

    def __init__(self, name: str) -> None:
        self.begun, self.may_go_on, self.tries = Signal(), Signal(), 0
        super().__init__(name)

    def handle(self, taken: groups.Event) -> None:
        if taken.subject == "slow":
            self.begun.set()
            self.tries += 1
            assert self.may_go_on.wait(120)
        super().handle(taken)


@contextmanager
def in_hand(group: SlowGroup) -> Iterator[None]:
    """Another process tries alice's event `slow` until the block ends."""

    def work() -> None:
        handle(group.name, event("slow", key="alice"), on_record=True)
        connection.close()

    thread = Thread(target=work)
    thread.start()
    try:
        assert group.begun.wait(60)
        yield
    finally:
        group.may_go_on.set()
        thread.join()


def test_the_tick_goes_on_with_the_others(settings: Settings, no_handlers: None) -> None:
    settings.EVENT_FIRST_RETRY = timedelta(0)  # it is due again while it is being tried
    group = SlowGroup("one")
    group.poison = {"bobs"}
    with in_hand(group):
        handle(group.name, event("alices second", key="alice"), on_record=True)
        handle(group.name, event("bobs", key="bob"), on_record=True)
        group.poison = set()
        retry_parked()
        assert group.handled == ["bobs"]
    retry_parked()
    assert group.handled == ["bobs", "slow", "alices second"]
    assert group.tries == 1  # no test waited for it until it gave up
