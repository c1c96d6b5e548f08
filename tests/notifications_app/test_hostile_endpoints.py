"""Endpoints that lead inside: nothing is connected to, and no listener here is reached."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pytest_django import Settings

from devkit.demo.push_profiles import RefusalError
from devkit.demo.push_service import Browser, PushService
from notifications_app.channels.channel import Verdict
from notifications_app.channels.web_push import WebPush
from notifications_app.endpoints import EndpointRefusedError, parse_endpoint
from notifications_app.models import Delivery, PushSubscription
from notifications_app.push_answers import in_words
from tests.notifications_app.conftest import NOON

pytestmark = pytest.mark.usefixtures("noon")

PUBLIC = "8.8.8.8"
# Endpoints with which a user would reach what only we can reach, by the way in which they try it.
HOSTILE = json.loads(Path(__file__).with_name("hostile_endpoints.json").read_text())
INSIDE: list[str] = [*chain(*HOSTILE["addresses"].values())]
REFUSED_TEXTS: list[str] = [
    *(f"https://[{address}]/a" if ":" in address else f"https://{address}/a" for address in INSIDE),
    *(f"https://{host}/a" for host in chain(*HOSTILE["hosts"].values())),
    *chain(*HOSTILE["urls"].values()),
]


def to(endpoint: str, browser: Browser) -> Delivery:
    """A delivery to this endpoint that was not checked, as from an earlier release."""
    keys = browser.subscription | {"endpoint": endpoint}
    return Delivery(
        target=endpoint, subscription=PushSubscription(**keys), expires_at=NOON + timedelta(hours=1)
    )


@pytest.fixture
def strict(settings: Settings) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = False


@pytest.fixture
def connected_to(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that something tried to connect to. All refuse."""
    addresses: list[str] = []

    def connect(_socket: socket.socket, address: tuple[Any, ...]) -> NoReturn:
        addresses.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return addresses


def test_there_are_two_hundred_and_more() -> None:
    assert len(set(REFUSED_TEXTS)) + len(set(INSIDE)) > 300


@pytest.mark.usefixtures("strict")
def test_a_hostile_text_is_refused_when_a_browser_subscribes_and_when_it_is_sent_to(
    service: PushService, connected_to: list[str]
) -> None:
    browser = service.subscribe()
    for text in REFUSED_TEXTS:
        with pytest.raises(EndpointRefusedError):
            parse_endpoint(text)
        assert WebPush().send(to(text, browser)).verdict is Verdict.REFUSED, text
    assert connected_to == []


@pytest.mark.usefixtures("strict")
def test_a_name_with_an_address_inside_is_not_connected_to(
    service: PushService, connected_to: list[str], dns: dict[str, list[list[str]]]
) -> None:
    delivery = to("https://push.example.com/a", service.subscribe())
    for inside in INSIDE:
        for answer in ([inside], [PUBLIC, inside], [inside, PUBLIC]):
            dns["push.example.com"] = [answer]
            outcome = WebPush().send(delivery)
            assert (outcome.verdict, outcome.status) == (Verdict.REFUSED, None), answer
            assert "not public" in outcome.error
            assert "not tried again" in in_words(None, outcome.error)
    assert connected_to == []


@pytest.mark.usefixtures("strict")
def test_a_name_that_changes_its_address_is_asked_once(
    service: PushService, connected_to: list[str], dns: dict[str, list[list[str]]]
) -> None:
    """DNS rebinding: public for the check, inside for the connection."""
    delivery = to("https://push.example.com/a", service.subscribe())
    for inside in INSIDE:
        dns["push.example.com"] = [[PUBLIC], [inside]]
        assert WebPush().send(delivery).verdict is Verdict.LATER
    assert set(connected_to) == {PUBLIC}


@pytest.fixture
def canary() -> Iterator[tuple[int, list[str]]]:
    """A listener on each loopback address: the port, and who connected."""
    reached: list[str] = []

    def listen(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            reached.append(listening.getsockname()[0])
            connection.close()

    with ExitStack() as listeners:
        first = listeners.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        port = first.getsockname()[1]
        second = listeners.enter_context(closing(socket.create_server(("::1", port), family=socket.AF_INET6)))
        for listening in (first, second):
            threading.Thread(target=listen, args=(listening,), daemon=True).start()
        yield port, reached
        for listening in (first, second):
            listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_a_redirect_reaches_no_one(service: PushService, canary: tuple[int, list[str]], status: int) -> None:
    port, reached = canary
    for location in (
        *(f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/", f"//127.0.0.1:{port}/"),
        *(f"http://[::1]:{port}/", f"http://localhost:{port}/", f"http://2130706433:{port}/"),
    ):
        service.refusals = [RefusalError(status, "", {"Location": location, "Refresh": f"0; {location}"})]
        browser = service.subscribe()
        outcome = WebPush().send(to(browser.endpoint, browser))
        assert (outcome.verdict, outcome.status) == (Verdict.REFUSED, status)
    assert reached == []


@pytest.mark.usefixtures("strict")
def test_the_listeners_here_are_not_reached(
    service: PushService, canary: tuple[int, list[str]], dns: dict[str, list[list[str]]]
) -> None:
    port, reached = canary
    browser = service.subscribe()
    hosts = (
        "127.0.0.1",
        "[::1]",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0",
        "[::ffff:127.0.0.1]",
        "push.example.com",
    )
    dns["push.example.com"] = [["127.0.0.1", "::1"]]
    for host in hosts:
        for scheme in ("http", "https"):
            outcome = WebPush().send(to(f"{scheme}://{host}:{port}/a", browser))
            assert outcome.verdict is Verdict.REFUSED
    socket.create_connection(("127.0.0.1", port)).close()
    socket.create_connection(("::1", port)).close()
    while len(reached) < 2:  # ours alone, which show that the listeners listen
        pass
    assert sorted(reached) == ["127.0.0.1", "::1"]


# --- the allow-list ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("strict")
def test_an_allow_list_names_the_push_services(
    settings: Settings, service: PushService, connected_to: list[str], dns: dict[str, list[list[str]]]
) -> None:
    settings.PUSH_ALLOWED_HOSTS = ["fcm.googleapis.com", ".push.apple.com"]
    for host in ("fcm.googleapis.com", "FCM.googleapis.com", "web.push.apple.com", "push.apple.com"):
        assert parse_endpoint(f"https://{host}/a").host == host.lower()
    for host in (
        "push.example.com",
        "fcm.googleapis.com.example.com",
        "a.fcm.googleapis.com",
        "xpush.apple.com",
    ):
        dns[host] = [[PUBLIC]]
        with pytest.raises(EndpointRefusedError, match="push services that this server sends to"):
            parse_endpoint(f"https://{host}/a")
        outcome = WebPush().send(to(f"https://{host}/a", service.subscribe()))
        assert outcome.verdict is Verdict.REFUSED
    assert connected_to == []
