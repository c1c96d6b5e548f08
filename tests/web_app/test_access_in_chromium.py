"""The page for everyone: axe finds no barrier, and the keyboard is enough."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts_app.models import User
from notifications_app.unsubscribing import token_of
from tests.acceptance.instance import PASSWORD
from tests.web_app.conftest import Person

pytestmark = pytest.mark.slow

Make = Callable[..., Person]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
LOOKS = [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")]


def barriers(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


def expect_no_barrier(page: Page) -> None:
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        assert barriers(page) == [], (size, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (size, scheme)


def test_axe_finds_no_barrier(person: Make) -> None:
    alice = person()
    signed_out = person().open()
    expect_no_barrier(signed_out)
    page = alice.sign_up()
    for task in (
        {"title": "Water the plants", "due_at": "2026-01-01T09:00:00Z", "recurrence_rule": "daily"},
        {"title": "اتصل بالطبيب لتحديد موعد", "due_date": "2031-05-01", "reminder_offsets": [1440]},
    ):
        alice.call("POST", "/api/tasks", task)
    expect(page.get_by_role("button", name="Water the plants", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete: اتصل").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect_no_barrier(page)
    page.get_by_role("button", name="Water the plants", exact=True).click()
    page.get_by_text("The series").click()
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    expect_no_barrier(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Preferences").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect_no_barrier(page)
    page.keyboard.press("Escape")

    page.get_by_label("Add a task").fill("call mum at 5 #family")
    expect(page.get_by_role("button", name="5pm")).to_be_visible()
    page.get_by_role("button", name="Assistant", exact=True).click()
    panel = page.get_by_role("dialog", name="Assistant")
    panel.get_by_label("Message", exact=True).fill("delete Water the plants")
    panel.get_by_label("Message", exact=True).press("Enter")
    expect(panel.get_by_role("button", name="Move to the trash")).to_be_visible()
    expect_no_barrier(page)


def test_axe_finds_no_barrier_on_the_page_that_stops_mails(person: Make, settings: Settings) -> None:
    alice = person()
    alice.token = alice.running.sign_up(alice.email)
    settings.SECRET_KEY = alice.running.environment["SECRET_KEY"]
    token = token_of(User(pk=alice.call("GET", "/api/me")["id"], email=alice.email))
    page = alice.context.new_page()
    page.goto(f"http://127.0.0.1:{alice.running.port}/u/{token}")
    expect(page.get_by_role("button", name="Stop these emails")).to_be_visible()
    expect_no_barrier(page)
    page.get_by_role("button", name="Stop these emails").click()
    expect(page.get_by_text(f"No reminders are sent to {alice.email} any more.")).to_be_visible()
    expect_no_barrier(page)


def test_the_keyboard_is_enough(person: Make) -> None:
    alice = person()
    alice.token = alice.running.sign_up(alice.email)
    page = alice.open()
    press, write = page.keyboard.press, page.keyboard.type
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the tasks")).to_be_focused()
    press("Enter")
    press("Tab")
    write(alice.email)
    press("Tab")
    write(PASSWORD)
    press("Enter")
    expect(page.get_by_label("Add a task")).to_be_focused()
    for title in ("Buy milk", "Call Bob"):
        write(title)
        press("Enter")
        expect(page.get_by_role("button", name=title, exact=True)).to_be_visible()
    for _ in range(4):  # Add, With details, Search, and the first task's Complete
        press("Tab")
    expect(page.get_by_role("button", name="Complete: Call Bob")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Title")).to_be_focused()
    press("Control+a")
    write("Call Charlie")
    press("Enter")
    expect(page.get_by_role("button", name="Call Charlie", exact=True)).to_be_focused()
    press("Shift+Tab")
    press("Space")
    expect(page.get_by_role("button", name="Complete: Buy milk")).to_be_focused()
    press("Control+z")
    expect(page.get_by_role("button", name="Call Charlie", exact=True)).to_be_visible()
