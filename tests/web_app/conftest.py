"""A real Chromium before a whole instance. What a page writes to its console fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.acceptance.instance import PASSWORD, Instance, instance

NAMES = ("chromium", "chromium-browser", "google-chrome")
# The browser's own words for what the page says in words too. A context is a private window, without push.
EXPECTED = ("Failed to load resource", "net::ERR_INTERNET_DISCONNECTED", "Push API in incognito mode")
expect.set_options(timeout=60_000)  # of a busy machine; the default is 5 s


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("page") / "data"
    with instance(folder, THROTTLE_SIGN_UP="off") as running:
        yield running


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "There is no Chromium here. It is Debian's package chromium."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, timeout=180_000)
        yield browser
        browser.close()


SAVE_TOKENS = """async (tokens) => {
    const { save } = await import("/static/web_app/store.js");
    await save("session", tokens, "tokens");
}"""


class Person:
    """Someone with an account, a browser of their own, and another client."""

    def __init__(self, running: Instance, context: BrowserContext) -> None:
        self.running, self.context = running, context
        self.email = f"{uuid4().hex}@example.test"
        self.token = ""

    def open(self) -> Page:
        """A tab with the page."""
        tab = self.context.new_page()
        tab.goto(f"http://127.0.0.1:{self.running.port}/app/")
        return tab

    def sign_up(self) -> Page:
        """A tab that is signed in to a new account, and live."""
        account = {"email": self.email, "password": PASSWORD}
        self.call("POST", "/api/auth/register", account)
        tokens = self.call("POST", "/api/auth/token", account)
        self.token = tokens["access"]
        tab = self.open()
        tab.evaluate(SAVE_TOKENS, tokens)
        tab.reload()
        tab.get_by_text("Live").wait_for()
        return tab

    def call(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers to this person's other client."""
        answer = self.running.call(method, path, body, token=self.token)
        assert answer.status < 300, answer
        return answer.body


@pytest.fixture
def person(running: Instance, chromium: Browser) -> Iterator[Callable[..., Person]]:
    with people(running, chromium) as make:
        yield make


@contextmanager
def people(running: Instance, chromium: Browser) -> Iterator[Callable[..., Person]]:
    """`make()`: a Person with a fresh browser, in Berlin; options are those of the browser's context."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def make(**options: Any) -> Person:
        # Without motion, or axe sees colours that are still changing.
        settings = {"locale": "en-GB", "timezone_id": "Europe/Berlin", "reduced_motion": "reduce"}
        context = chromium.new_context(**settings, **options)
        context.set_default_timeout(60_000)
        context.on("console", lambda message: problems.append(message.text))
        context.on("weberror", lambda error: problems.append(str(error.error)))
        contexts.append(context)
        return Person(running, context)

    yield make
    for context in contexts:
        context.close()
    assert [text for text in problems if not any(expected in text for expected in EXPECTED)] == []
