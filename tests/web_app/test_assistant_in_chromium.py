"""The panel of the assistant, with the offline model: a turn, its questions, undo, errors, and cancelling."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.web_app.conftest import Person

pytestmark = pytest.mark.slow

Make = Callable[..., Person]

CHAT = "**/api/chat"
ALLOWED = {"Access-Control-Allow-Origin": "*"}  # what the stream's process says about its origin
CANCELLED = {"status": 409, "type": "client_error", "errors": [{"code": "turn_cancelled", "detail": "..."}]}


@pytest.fixture
def alice(person: Make) -> Person:
    return person(viewport={"width": 1280, "height": 900})


def open_panel(page: Page) -> Locator:
    page.get_by_role("button", name="Assistant", exact=True).click()
    panel = page.get_by_role("dialog", name="Assistant")
    expect(panel.get_by_label("Message", exact=True)).to_be_focused()
    return panel


def say(panel: Locator, message: str) -> None:
    """Say it, when the turn before has ended."""
    expect(panel.get_by_role("button", name="Send")).to_be_visible()
    panel.get_by_label("Message", exact=True).fill(message)
    panel.get_by_label("Message", exact=True).press("Enter")


def test_a_conversation(alice: Person) -> None:
    page = alice.sign_up()
    milk = page.get_by_role("main").get_by_role("button", name="buy milk", exact=True)
    held: list[Route] = []
    page.route("**/api/conversations?*", lambda route: held.append(route), times=1)
    with page.expect_request("**/api/conversations?*"):
        panel = open_panel(page)
    log = panel.get_by_role("log")
    with page.expect_response(CHAT) as answered:
        say(panel, "add buy milk tomorrow")  # before it is known which conversations there are
        held[0].continue_()
    assert answered.value.headers["content-type"].startswith("text/event-stream")
    expect(log).to_contain_text("Create tasks ✓")
    expect(log).to_contain_text("Added “buy milk”")
    expect(milk).to_be_visible()

    say(panel, "delete buy milk")
    asked = log.get_by_role("group", name="The assistant asks")
    expect(asked).to_contain_text("“buy milk”")
    expect(milk).to_be_visible()

    # The conversation is there again, with its question.
    page.reload()
    panel = open_panel(page)
    expect(log).to_contain_text("Added “buy milk”")
    expect(panel.get_by_label("Conversation")).to_contain_text("add buy milk tomorrow")
    asked.get_by_role("button", name="Move to the trash: 1 task").click()
    expect(log).to_contain_text("Done.")
    expect(milk).to_have_count(0)
    log.get_by_role("button", name="Undo").click()
    expect(log).to_contain_text("Undone: “buy milk”.")
    expect(milk).to_be_visible()

    say(panel, "delete buy milk")
    asked.get_by_role("button", name="Leave it as it is").click()
    expect(log).to_contain_text("Not done.")
    expect(milk).to_be_visible()
    assert page.evaluate("sessionStorage.confirmations") == "[]"

    panel.get_by_role("button", name="New").click()
    expect(log).not_to_contain_text("buy milk”")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Assistant", exact=True)).to_be_focused()


def test_what_is_said_is_text(alice: Person) -> None:
    page = alice.sign_up()
    panel = open_panel(page)
    title = "<img src=x onerror=alert(1)>"
    say(panel, f'add "{title}"')
    expect(panel.get_by_role("log").get_by_text(f"Added “{title}”")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("button", name=title, exact=True)).to_be_visible()
    assert page.locator("#messages img, main img").count() == 0


def test_a_retry_does_nothing_twice(alice: Person) -> None:
    """The turn takes place, but its answer does not arrive: first an error does, then half a stream."""
    page = alice.sign_up()
    panel = open_panel(page)
    log, retry = panel.get_by_role("log"), panel.get_by_role("button", name="Retry")
    errors = [{"code": "model_unavailable", "detail": "The model does not answer.", "attr": None}]
    keys: list[str] = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        events = route.fetch().text()
        assert "event: done" in events
        if len(keys) == 1:
            route.fulfill(status=503, json={"errors": errors}, headers=ALLOWED)
        else:
            headers = ALLOWED | {"Content-Type": "text/event-stream"}
            route.fulfill(body=events.partition("event: done")[0], headers=headers)

    page.route(CHAT, lose)
    say(panel, "add buy milk")
    expect(log).to_contain_text("The model does not answer.")
    retry.click()
    expect(log).to_contain_text("The connection broke off.")
    page.unroute(CHAT)
    with page.expect_request(CHAT) as repeated:
        retry.click()
    expect(log).to_contain_text("Added “buy milk”.")
    expect(log).not_to_contain_text("The connection broke off.")
    assert keys == [repeated.value.headers["idempotency-key"]] * 2
    assert len(alice.call("GET", "/api/tasks")["results"]) == 1


def test_cancelling(alice: Person) -> None:
    page = alice.sign_up()
    panel = open_panel(page)
    log = panel.get_by_role("log")
    say(panel, "add buy milk")
    expect(log).to_contain_text("Added “buy milk”.")
    held: list[Route] = []
    page.route(CHAT, lambda route: held.append(route))
    with page.expect_request(CHAT):
        say(panel, "add buy bread")
    expect(log).to_have_attribute("aria-busy", "true")
    with page.expect_response("**/cancel") as cancelled:
        panel.get_by_role("button", name="Cancel").click()
    assert cancelled.value.status == 200
    [conversation] = alice.call("GET", "/api/conversations")["results"]
    turn = {"turn_id": conversation["id"], "conversation_id": conversation["id"]}
    events = (("turn", turn), ("text", {"text": "Half a"}), ("error", CANCELLED))
    held[0].fulfill(
        headers=ALLOWED | {"Content-Type": "text/event-stream"},
        body="".join(f": heartbeat\n\nevent: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events),
    )
    expect(log).to_contain_text("Cancelled.")
    expect(log).not_to_contain_text("Half a")
    expect(panel.get_by_role("button", name="Retry")).to_have_count(0)
    expect(panel.get_by_role("button", name="Send")).to_be_visible()
    page.unroute_all()
