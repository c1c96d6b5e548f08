"""An operator with a second factor signs in to the admin with a code of it; a setting requires one of all."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts_app.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

EMAIL = "root@example.test"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2030-05-01T09:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def root(clock: time_machine.Traveller) -> User:
    return User.objects.create_superuser(EMAIL, PASSWORD)


def add_factor(*options: str) -> str:
    output = StringIO()
    call_command("second_factor", EMAIL, *options, stdout=output)
    return output.getvalue().strip()


def code() -> str:
    return f"{totp(TOTPDevice.objects.get().bin_key):06d}"


def sign_in(typed: str = "") -> Any:
    body = {"username": EMAIL, "password": PASSWORD, "code": typed, "next": "/admin/"}
    return Client().post("/admin/login/", body)


def error_of(answer: Any) -> str:
    assert answer.status_code == 200
    (error,) = answer.context["form"].non_field_errors()
    return str(error)


def test_without_one_a_password_is_enough(root: User) -> None:
    answer = sign_in()
    assert answer.status_code == 302
    assert answer.client.get("/admin/").status_code == 200


def test_the_command_prints_what_an_app_reads(root: User) -> None:
    url = urlsplit(add_factor())
    assert (url.scheme, url.netloc, url.path) == (
        "otpauth",
        "totp",
        "/To-do%20backend%3Aroot%40example.test",
    )
    assert len(parse_qs(url.query)["secret"][0]) == 32  # 160 bits (RFC 4226, 4)


def test_with_one_the_code_is_needed_and_works_once(root: User, clock: time_machine.Traveller) -> None:
    add_factor()
    assert error_of(sign_in()).startswith("The code is missing, wrong or already used.")
    first = code()
    answer = sign_in(f"{first[:3]} {first[3:]}")
    assert answer.status_code == 302
    assert answer.client.get("/admin/").status_code == 200
    assert error_of(sign_in(first)).startswith("The code is missing")
    clock.shift(timedelta(seconds=90))
    assert sign_in(code()).status_code == 302


def test_a_wrong_code_makes_the_next_one_wait(root: User, clock: time_machine.Traveller) -> None:
    add_factor()
    assert error_of(sign_in("000000"))
    assert error_of(sign_in(code()))
    clock.shift(timedelta(seconds=60))
    assert sign_in(code()).status_code == 302


def test_a_wrong_password_does_not_reach_the_code(root: User) -> None:
    add_factor()
    body = {"username": EMAIL, "password": "wrong", "code": code(), "next": "/admin/"}
    assert "correct email" in error_of(Client().post("/admin/login/", body))
    assert TOTPDevice.objects.get().last_t == -1


def test_a_session_from_before_must_sign_in_again(root: User) -> None:
    browser = sign_in().client
    add_factor()
    assert browser.get("/admin/").status_code == 302


def test_a_session_of_one_that_was_replaced_must_sign_in_again(root: User) -> None:
    add_factor()
    browser = sign_in(code()).client
    assert browser.get("/admin/").status_code == 200
    add_factor()
    assert browser.get("/admin/").status_code == 302


def test_a_setting_requires_it_of_all(root: User, settings: Settings) -> None:
    browser = sign_in().client
    settings.SECOND_FACTOR_REQUIRED = True
    assert browser.get("/admin/").status_code == 302
    assert error_of(sign_in()) == (
        "This account has no second factor. Run manage.py second_factor to add one."
    )
    add_factor()
    assert sign_in(code()).status_code == 302


def test_a_lost_one_is_removed(root: User) -> None:
    add_factor()
    assert add_factor("--remove") == "root@example.test has no second factor any more."
    assert sign_in().status_code == 302


def test_only_operators_have_one(alice: User) -> None:
    with pytest.raises(CommandError, match="There is no operator with the address alice@"):
        call_command("second_factor", "alice@example.test")


def test_the_admin_shows_it_without_its_key(root: User) -> None:
    add_factor()
    device = TOTPDevice.objects.get()
    browser = sign_in(code()).client
    for path in ("", f"{device.pk}/change/"):
        page = browser.get(f"/admin/otp_totp/totpdevice/{path}")
        assert page.status_code == 200
        assert device.key not in page.content.decode()
    assert browser.get(f"/admin/otp_totp/totpdevice/{device.pk}/qrcode/").status_code in (302, 404)
    assert browser.get("/admin/otp_totp/totpdevice/add/").status_code == 403
