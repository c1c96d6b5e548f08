"""Quick add on the page: it shows what it understands, asks where it is unsure, and loses nothing."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Route, expect

from tests.web_app.conftest import Person

pytestmark = pytest.mark.slow

Make = Callable[..., Person]

QUICK = "**/api/tasks/quick"


def too_many(route: Route) -> None:
    route.fulfill(status=429, headers={"Retry-After": "7"}, json={"errors": []})


def test_what_it_understands_and_asks(person: Make) -> None:
    alice = person()
    page = alice.sign_up()
    field, understood = page.get_by_label("Add a task"), page.locator("#understood")
    field.fill("call mum tomorrow at 5 #family !high")
    expect(understood).to_contain_text("tag family")
    expect(page.get_by_text("Is it 5am or 5pm?")).to_be_visible()

    # With a question open there is no task; the keyboard answers it.
    field.press("Enter")
    expect(page.get_by_role("button", name="5am")).to_be_focused()
    assert alice.call("GET", "/api/tasks")["results"] == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    expect(field).to_have_value("call mum tomorrow at 5pm #family !high")
    expect(understood).to_contain_text("at 17:00")
    expect(page.get_by_text("Is it 5am or 5pm?")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="call mum", exact=True)).to_be_visible()
    expect(field).to_have_value("")
    expect(understood).to_be_empty()

    # The account's zone is UTC; the task is of the device's zone, as it was shown.
    berlin = ZoneInfo("Europe/Berlin")
    [task] = alice.call("GET", "/api/tasks")["results"]
    tomorrow = datetime.now(berlin).date() + timedelta(days=1)
    due = datetime.combine(tomorrow, time(17), berlin)
    assert (datetime.fromisoformat(task["due_at"]), task["timezone"]) == (due, "Europe/Berlin")
    [tag] = alice.call("GET", "/api/tags")["results"]
    assert (tag["name"], task["tag_ids"]) == ("family", [tag["id"]])
    priorities = alice.call("GET", "/api/priorities")["results"]
    assert task["priority_id"] == next(one["id"] for one in priorities if one["name"] == "High")


def test_an_answer_that_comes_late_is_not_shown(person: Make) -> None:
    page = person().sign_up()
    field, understood = page.get_by_label("Add a task"), page.locator("#understood")
    held: list[Route] = []
    page.route(QUICK, lambda route: held.append(route))
    for sentence in ("buy milk #early", "buy milk #late"):
        with page.expect_request(QUICK):
            field.fill(sentence)
    expect(field).to_have_value("buy milk #late")  # both have been handed to the route
    early, late = held
    late.continue_()
    expect(understood).to_contain_text("tag late")
    with page.expect_response(QUICK):
        early.continue_()
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(understood).to_contain_text("tag late")
    expect(understood).not_to_contain_text("tag early")


def test_nothing_that_was_typed_is_lost(person: Make) -> None:
    alice = person()
    page = alice.sign_up()
    field = page.get_by_label("Add a task")
    page.route(QUICK, too_many)
    field.fill("buy milk")
    expect(page.locator("#understood")).to_have_text("Too many requests. Try again in 7 seconds.")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Too many requests. Try again in 7 seconds.")
    expect(field).to_have_value("buy milk")
    page.unroute(QUICK)

    # The next sentence is in the field already when the answer comes: a button brings the first one back.
    held: list[Route] = []
    page.route(QUICK, lambda route: held.append(route))
    with page.expect_request(QUICK):
        field.press("Enter")
    field.fill("buy bread")
    too_many(held[0])
    page.get_by_role("button", name="Not added yet: buy milk").click()
    expect(field).to_have_value("buy milk")
    expect(page.get_by_role("button", name="Not added yet: buy bread")).to_be_visible()
    page.unroute_all()


def test_a_task_whose_answer_got_lost_is_made_once(person: Make) -> None:
    alice = person()
    page = alice.sign_up()
    field = page.get_by_label("Add a task")

    def lose(route: Route) -> None:
        assert route.fetch().status == 201
        route.abort()

    page.route("**/api/tasks", lose)
    field.fill("buy milk")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/api/tasks")
    expect(field).to_have_value("buy milk")
    field.press("Enter")
    expect(page.get_by_text("Added: buy milk")).to_be_visible()
    assert len(alice.call("GET", "/api/tasks")["results"]) == 1
