"""Where we are willing to send: by the text of an endpoint, and by the addresses behind its name."""

import pytest
from pytest_django import Settings

from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.endpoints import EndpointRefusedError, is_public, parse_endpoint, resolve
from notifications_app.models import Delivery, PushSubscription
from notifications_app.sending import deliver
from tests.notifications_app.conftest import pending_delivery


@pytest.fixture
def strict(settings: Settings) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = False


# --- the text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "https://fcm.googleapis.com/fcm/send/cJ3:APA91bE-x_y",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA",
        "https://web.push.apple.com/QGuQy?x=1&y=%2F",
        "https://wns2-db5p.notify.windows.com:443/w/?token=BQYAAAC%2b",
        "https://push.xn--bcher-kva.example/a",
        "HTTPS://Push.Example.com/a",
    ],
)
@pytest.mark.usefixtures("strict")
def test_real_endpoints_are_taken(text: str) -> None:
    endpoint = parse_endpoint(text)
    assert endpoint.scheme == "https"
    assert endpoint.port == 443
    assert endpoint.origin == f"https://{endpoint.host}"


@pytest.mark.usefixtures("strict")
def test_the_parts_are_those_that_are_sent_to() -> None:
    endpoint = parse_endpoint("https://push.example.com/a//b?c=d")
    assert (endpoint.host, endpoint.path) == ("push.example.com", "/a//b?c=d")
    assert parse_endpoint("https://push.example.com").path == "/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "push.example.com/a",
        "http://push.example.com/a",
        "ftp://push.example.com/a",
        "https://push.example.com:8443/a",
        "https://push.example.com:0/a",
        "https://push.example.com:99999/a",
        "https://push.example.com:x/a",
        "https://user@push.example.com/a",
        "https://user:secret@push.example.com/a",
        "https://push.example.com@127.0.0.1/a",
        "https://push.example.com/a#b",
        "https://push.example.com\\@127.0.0.1/a",
        "https://push.example.com/a b",
        "https://push.example.com/\u00e4",
        "https://b\u00fccher.example/a",
        "https://push.example.com/\r\nHost: evil",
        "https:///a",
        "https://localhost/a",
        "https://intranet/a",
        "https://-push.example.com/a",
        "https://push..example.com/a",
        "https://push.example.com./a",
        f"https://{'a' * 64}.example.com/a",
        f"https://{'a.' * 127}com/a",
        "https://push.example.com/" + "a" * 2000,
    ],
)
@pytest.mark.usefixtures("strict")
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(EndpointRefusedError):
        parse_endpoint(text)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "8.8.8.8",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
        ),
        *(
            "127.0.0.0x1",
            "1.1.1.1.",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[2606:4700:4700::1111]",
            "[fe80::1%25eth0]",
        ),
        *("[64:ff9b::7f00:1]", "[::ffff:7f00:1]"),
    ],
)
@pytest.mark.usefixtures("strict")
def test_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(EndpointRefusedError):
        parse_endpoint(f"https://{host}/a")


def test_development_may_use_http_and_local_names() -> None:
    assert parse_endpoint("http://localhost:8071/a").origin == "http://localhost:8071"
    assert parse_endpoint("http://127.0.0.1/a").origin == "http://127.0.0.1"
    assert parse_endpoint("https://127.0.0.1:8443/a").port == 8443


@pytest.mark.parametrize("text", ["ftp://localhost/a", "http://[::1]/a", "http://localhost:0/a", "http:///a"])
def test_even_development_refuses_what_cannot_be_sent_to(text: str) -> None:
    with pytest.raises(EndpointRefusedError):
        parse_endpoint(text)


# --- the addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "142.250.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200a"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
        *(
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::808:808",
        ),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.usefixtures("strict")
def test_one_address_that_is_not_public_is_enough(dns: dict[str, list[list[str]]]) -> None:
    endpoint = parse_endpoint("https://push.example.com/a")
    dns["push.example.com"] = [["8.8.8.8", "8.8.4.4"], ["8.8.8.8", "10.0.0.1"]]
    assert resolve(endpoint) == ["8.8.8.8", "8.8.4.4"]
    with pytest.raises(EndpointRefusedError, match=r"10\.0\.0\.1"):
        resolve(endpoint)


@pytest.mark.usefixtures("noon", "strict")
def test_a_name_that_leads_inside_is_never_connected_to(
    alice: User, service: PushService, settings: Settings, dns: dict[str, list[list[str]]]
) -> None:
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = True
    delivery = pending_delivery(alice, service.subscribe())
    settings.PUSH_ALLOW_INSECURE_ENDPOINTS = False
    dns["push.example.com"] = [["127.0.0.1"]]
    Delivery.objects.update(target="https://push.example.com/push/a")

    deliver(delivery.pk)

    assert Delivery.objects.get().state == "failed"
    assert "not public" in Delivery.objects.get().attempts.get().error
    assert service.requests == 0
    assert PushSubscription.objects.exists()


@pytest.mark.usefixtures("noon")
def test_the_connection_goes_to_the_address_that_was_checked(
    alice: User, service: PushService, dns: dict[str, list[list[str]]]
) -> None:
    """DNS that answers one thing to the check and another to the connection (rebinding) gains nothing."""
    browser = service.subscribe()
    port = service.url.rsplit(":", 1)[1]
    name = f"http://push.example.com:{port}"
    delivery = pending_delivery(alice, browser)
    Delivery.objects.update(target=browser.endpoint.replace(service.url, name))
    service.url = name  # the audience of the token
    dns["push.example.com"] = [["127.0.0.1"], ["127.0.0.2"]]

    deliver(delivery.pk)

    assert Delivery.objects.get().state == "sent"
    assert service.messages[0].headers["host"] == f"push.example.com:{port}"
    assert dns["push.example.com"] == [["127.0.0.2"]]  # asked once


@pytest.mark.usefixtures("noon")
def test_a_name_dns_does_not_know_is_tried_again(alice: User, service: PushService) -> None:
    delivery = pending_delivery(alice, service.subscribe())
    Delivery.objects.update(target="http://no-such-name.invalid/a")
    deliver(delivery.pk)
    assert Delivery.objects.get().state == "pending"
    assert "cannot be reached" in Delivery.objects.get().attempts.get().error


@pytest.mark.usefixtures("noon")
def test_an_address_that_takes_no_connection_leaves_it_to_the_next(
    alice: User, service: PushService, dns: dict[str, list[list[str]]]
) -> None:
    browser = service.subscribe()
    delivery = pending_delivery(alice, browser)
    name = service.url.replace("127.0.0.1", "push.example.com")
    Delivery.objects.update(target=browser.endpoint.replace(service.url, name))
    service.url = name
    dns["push.example.com"] = [["127.0.0.9", "127.0.0.1"]]
    deliver(delivery.pk)
    assert Delivery.objects.get().state == "sent"
