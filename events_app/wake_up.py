"""The hint that wakes a sleeping relay after a commit. A setting names what sends it: no Redis here."""

from collections.abc import Iterator
from typing import Protocol, cast

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string


class WakeUp(Protocol):
    """A way from any process to the relay. Each hint may be lost."""

    def send(self) -> None:
        """Wake the relay. Does not raise, and does not wait for long."""
        ...

    def hints(self) -> Iterator[bool]:
        """True for a hint, or when one may have been missed; False now and then. Raises if it cannot."""
        ...


def wake_up_of_settings() -> WakeUp:
    """What settings.EVENT_WAKE_UP names."""
    return cast(WakeUp, import_string(settings.EVENT_WAKE_UP)())


def wake_after_commit() -> None:
    """Send a hint when the current transaction commits: one, however often this is called in it."""
    connection = transaction.get_connection()
    # What a savepoint's rollback takes back is no longer in this list, and then this is called again.
    if not any(call is _send for _, call, _ in connection.run_on_commit):
        transaction.on_commit(_send, robust=True)


def _send() -> None:
    wake_up_of_settings().send()
