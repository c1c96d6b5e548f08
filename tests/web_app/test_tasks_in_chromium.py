"""Tasks on the page: what one person does there, and what happens when others do something too."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.acceptance.instance import PASSWORD, Instance
from tests.web_app.conftest import Person

pytestmark = pytest.mark.slow

Make = Callable[..., Person]


EXPIRE = """async () => {
    const { load, save } = await import("/static/web_app/store.js");
    const tokens = await load("session", "tokens");
    await save("session", { ...tokens, access: "expired" }, "tokens");
}"""


def rows(page: Page) -> Locator:
    return page.get_by_role("main").get_by_role("listitem")


def add(page: Page, title: str) -> None:
    page.get_by_label("Add a task").fill(title)
    page.get_by_role("button", name="Add", exact=True).click()


def test_a_first_visit(person: Make) -> None:
    """Register, add, complete, undo, delete, search, sign out."""
    alice = person()
    page = alice.open()
    page.get_by_label("Email address").fill(alice.email)
    page.get_by_label("Password").fill("12345678")
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_role("alert")).to_contain_text("password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_text("Nothing to do.")).to_be_visible()

    titles = ["Buy milk", "اتصل بالطبيب", "🎂 " + "Donaudampfschifffahrt" * 9]
    for title in titles:
        add(page, title)
    for title in titles:
        expect(page.get_by_role("button", name=title, exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    milk = page.get_by_role("button", name="Buy milk", exact=True)
    page.get_by_role("button", name="Complete: Buy milk").click()
    expect(milk).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(milk).to_be_visible()
    page.get_by_role("button", name="Delete: Buy milk").click()
    expect(milk).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(milk).to_be_visible()

    page.get_by_label("Search").fill("mil")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search").fill("nowhere")
    expect(page.get_by_text("No open task has these words.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(rows(page)).to_have_count(0)
    page.get_by_label("Email address").fill(alice.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(rows(page)).to_have_count(3)


def test_a_series_with_its_words_and_reminders(person: Make) -> None:
    alice = person()
    page = alice.sign_up()
    page.get_by_label("Add a task").fill("Water the plants")
    page.get_by_role("button", name="With details").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Date", exact=True).fill("2031-05-01")
    dialog.get_by_label("Time", exact=True).fill("09:00")
    dialog.get_by_label("Repeat").select_option("weekly")
    expect(dialog).to_contain_text("every Thursday at 09:00")
    dialog.get_by_label("10 minutes before").check()
    dialog.get_by_label("also in my quiet hours").check()
    dialog.get_by_role("button", name="Save").click()
    expect(rows(page)).to_contain_text("every Thursday at 09:00")

    [task] = alice.call("GET", "/api/tasks")["results"]
    assert (task["due_at"], task["timezone"]) == ("2031-05-01T07:00:00Z", "Europe/Berlin")
    assert (task["recurrence_rule"], task["reminder_offsets"]) == ("weekly", [10])
    assert task["rings_in_quiet_hours"]
    page.get_by_role("button", name="Water the plants", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text("every Thursday at 09:00, Europe/Berlin")
    dialog.get_by_text("The series").click()
    expect(dialog.get_by_role("listitem").filter(has_text="8 May 2031, 09:00: to come")).to_be_visible()
    dialog.get_by_label("Time", exact=True).fill("10:00")
    dialog.get_by_label("this one and all that follow").check()
    dialog.get_by_role("button", name="Save").click()
    expect(rows(page)).to_contain_text("every Thursday at 10:00")
    page.get_by_role("button", name="Water the plants", exact=True).click()
    dialog.get_by_label("All day").check()
    dialog.get_by_label("this one and all that follow").check()
    dialog.get_by_role("button", name="Save").click()
    expect(rows(page)).not_to_contain_text("at 10:00")
    [task] = alice.call("GET", "/api/tasks")["results"]
    assert task["due_date"] == "2031-05-01"


def test_what_another_client_does_is_there_at_once(person: Make, running: Instance) -> None:
    alice = person()
    page = alice.sign_up()
    task = alice.call("POST", "/api/tasks", {"title": "From the phone"})
    expect(rows(page)).to_contain_text("From the phone")
    running.processes["stream"].kill()
    running.processes["stream"].wait()
    expect(page.get_by_text("Reconnecting")).to_be_attached()
    alice.call("PATCH", f"/api/tasks/{task['id']}", {"title": "Meanwhile"})
    running.start("stream")
    expect(rows(page)).to_contain_text("Meanwhile")
    alice.call("POST", f"/api/tasks/{task['id']}/complete")
    expect(rows(page)).to_have_count(0)


def test_nothing_is_overwritten(person: Make) -> None:
    alice = person()
    page = alice.sign_up()
    task = alice.call("POST", "/api/tasks", {"title": "Draft"})
    page.get_by_role("button", name="Draft", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Mine")
    alice.call("PATCH", f"/api/tasks/{task['id']}", {"title": "Theirs", "description": "by another client"})
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("changed elsewhere")
    expect(dialog.get_by_label("Title")).to_have_value("Theirs")
    dialog.get_by_label("Title").fill("Mine after all")
    dialog.get_by_role("button", name="Save").click()
    expect(rows(page)).to_contain_text("Mine after all")
    now = alice.call("GET", f"/api/tasks/{task['id']}")
    assert (now["title"], now["description"]) == ("Mine after all", "by another client")


def test_errors_are_said_in_words(person: Make) -> None:
    alice = person()
    page = alice.sign_up()

    def too_many(route: Route) -> None:
        route.fulfill(status=429, headers={"Retry-After": "7"}, json={"errors": []})

    page.route("**/api/tasks", too_many)
    add(page, "Buy milk")
    expect(page.get_by_role("alert")).to_have_text("Too many requests. Try again in 7 seconds.")
    page.unroute("**/api/tasks")
    alice.context.set_offline(True)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    alice.context.set_offline(False)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(rows(page)).to_contain_text("Buy milk")
    new = {"current_password": PASSWORD, "new_password": "another horse, another staple"}
    alice.call("POST", "/api/auth/password/change", new)
    page.get_by_role("button", name="Complete: Buy milk").click()
    expect(page.get_by_text("Sign in again.")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_visible()


def test_two_tabs_share_one_sign_in(person: Make) -> None:
    """A refresh token works once: two tabs that need a new access token at the same time use it once."""
    alice = person()
    first = alice.sign_up()
    second = alice.open()
    second.get_by_text("Live").wait_for()
    first.evaluate(EXPIRE)
    for tab in (first, second):
        tab.get_by_label("Add a task").fill(f"from tab {tab is second:d}")
    for tab in (first, second):
        tab.evaluate("document.getElementById('add').requestSubmit()")
    for tab in (first, second):
        expect(rows(tab)).to_have_count(2)
    second.get_by_role("button", name="Sign out").click()
    expect(first.get_by_role("button", name="Sign in")).to_be_visible()
