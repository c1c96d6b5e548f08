"""The links of a notification: signed, for one action of one reminder, valid for a week."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from uuid import UUID

import pytest
import time_machine
from pytest_django import Settings

from accounts_app.models import User
from notifications_app.action_tokens import Action, Grant, InvalidActionTokenError, read_token, token_of
from notifications_app.actions import links
from notifications_app.models import Reminder
from notifications_app.scan import scan_reminders
from tests.notifications_app.conftest import NOON, task_due

GRANT = Grant(
    action=Action.COMPLETE,
    expires_at=NOON + timedelta(days=7),
    task_id=2**63 - 1,
    reminder_id=7,
    user_id=UUID(int=2**128 - 1),
)
TOKEN_LENGTH = 71


def forgeries() -> dict[str, str]:
    """Texts that are not a token of ours, each by what is wrong with it."""
    token = token_of(GRANT)
    flipped = {
        f"character {at} changed": token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        for at in range(0, TOKEN_LENGTH, 3)
    }
    others = [token_of(replace(GRANT, **{name: value})) for name, value in OTHERS.items()]
    swapped = {
        f"halves of {a} and {b}": others[a][:50] + others[b][50:]
        for a, b in combinations(range(len(others)), 2)
    }
    cut = {f"cut to {length}": token[:length] for length in (1, 2, 3, 4, 48, 49, 50, 69, 70)}
    return (
        flipped
        | swapped
        | cut
        | {
            "longer": token + "A",
            "twice": token * 2,
            "padded": token + "=",
            "other last bits": token[:-1] + chr(ord(token[-1]) + 1),
            "a space within": f"{token[:9]} {token[9:]}",
            "a line end": token + "\n",
            "other alphabet": "+" + token[1:],
            "upper case": token.upper(),
            "lower case": token.lower(),
            "no signature": token[:50] + "A" * 21,
            "all zero": "A" * TOKEN_LENGTH,
            "not ASCII": "é" + token[1:],
            "words": "complete",
        }
    )


OTHERS = {
    "action": Action.UNDO_COMPLETE,
    "expires_at": GRANT.expires_at + timedelta(days=1),
    "task_id": 1,
    "reminder_id": 8,
    "user_id": UUID(int=1),
}


def test_there_are_fifty_forgeries() -> None:
    assert len(set(forgeries().values())) >= 50


@pytest.mark.parametrize("name", sorted(forgeries()))
@pytest.mark.usefixtures("noon")
def test_a_forged_token_allows_nothing(name: str) -> None:
    with pytest.raises(InvalidActionTokenError):
        read_token(forgeries()[name])


@pytest.mark.parametrize("action", Action)
@pytest.mark.usefixtures("noon")
def test_a_token_says_what_it_allows(action: Action) -> None:
    grant = replace(GRANT, action=action)
    assert read_token(token_of(grant)) == grant
    assert len(token_of(grant)) == TOKEN_LENGTH


def test_a_token_expires_after_a_week(noon: time_machine.Traveller) -> None:
    token = token_of(GRANT)
    noon.shift(timedelta(days=7, seconds=-1))
    assert read_token(token) == GRANT
    noon.shift(1)
    with pytest.raises(InvalidActionTokenError):
        read_token(token)


@pytest.mark.usefixtures("noon")
def test_a_former_secret_key_still_counts_while_it_is_a_fallback(settings: Settings) -> None:
    token, former = token_of(GRANT), settings.SECRET_KEY
    settings.SECRET_KEY = "another" * 10
    with pytest.raises(InvalidActionTokenError):
        read_token(token)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert read_token(token) == GRANT


@pytest.mark.usefixtures("noon")
def test_a_notification_has_a_link_for_each_action(alice: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://todo.example.org"
    task = task_due(alice)
    scan_reminders()
    reminder = Reminder.objects.select_related("task").get()
    found = links(reminder)
    grants = {
        name: read_token(url.removeprefix("https://todo.example.org/r/")) for name, url in found.items()
    }
    assert {name: grant.action for name, grant in grants.items()} == {
        "open": Action.OPEN,
        "complete": Action.COMPLETE,
        "snooze_10_minutes": Action.SNOOZE_10_MINUTES,
        "snooze_1_hour": Action.SNOOZE_1_HOUR,
        "snooze_tomorrow": Action.SNOOZE_TOMORROW,
    }
    assert {(grant.user_id, grant.task_id, grant.reminder_id) for grant in grants.values()} == {
        (alice.pk, task.pk, reminder.pk)
    }
