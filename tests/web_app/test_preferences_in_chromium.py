"""Preferences on the page, and what it offers because of them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web_app.conftest import Person

pytestmark = pytest.mark.slow


def test_preferences(person: Callable[..., Person]) -> None:
    alice = person()
    page = alice.sign_up()
    page.get_by_role("button", name="Use Europe/Berlin").click()
    expect(page.get_by_text("No time zone has been chosen")).to_be_hidden()
    alice.call("PATCH", "/api/me", {"default_reminder_offset": 45})

    page.get_by_role("button", name="Preferences").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("For a new task with a date")).to_have_value("45")
    dialog.get_by_label("From", exact=True).fill("22:00")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("quiet_from and quiet_to together")
    dialog.get_by_label("to", exact=True).fill("07:30")
    dialog.get_by_label("by email to").check()
    dialog.get_by_label("All-day tasks ring from").fill("08:00")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Preferences saved")).to_be_visible()
    me = alice.call("GET", "/api/me")
    assert (me["timezone"], me["timezone_is_default"]) == ("Europe/Berlin", False)
    assert (me["quiet_from"], me["quiet_to"], me["day_starts_at"]) == ("22:00", "07:30", "08:00")
    assert (me["channels"], me["default_reminder_offset"]) == (["push", "email"], 45)

    page.get_by_role("button", name="With details").click()
    dialog.get_by_label("Title").fill("Pay the rent")
    dialog.get_by_label("Date", exact=True).fill("2031-05-01")
    expect(dialog.get_by_label("45 minutes before")).to_be_checked()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("main").get_by_role("listitem")).to_contain_text("45 minutes before")
