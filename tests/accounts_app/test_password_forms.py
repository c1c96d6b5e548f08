"""A password is the same in every form of its accents; a hash of the form as typed still works once."""

from typing import Any

import pytest
from django.contrib.auth import hashers
from rest_framework.test import APIClient

from accounts_app.models import User
from tests.accounts_app.conftest import sign_in

pytestmark = pytest.mark.django_db
COMPOSED = "Caf\u00e9 \u212bngstr\u00f6m long"  # \u212b is U+00C5 when composed
DECOMPOSED = "Cafe\u0301 A\u030angstro\u0308m long"


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were hashed: each costs half a second of a real server."""
    hasher, seen = hashers.get_hasher("default"), []
    encode = type(hasher).encode

    def counted(self: Any, password: str, *args: Any, **options: Any) -> str:
        seen.append(password)
        return encode(self, password, *args, **options)

    monkeypatch.setattr(type(hasher), "encode", counted)
    return seen


@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
def test_every_form_signs_in(anyone: APIClient, chosen: str, typed: str) -> None:
    body = {"email": "dora@example.test", "password": chosen}
    assert anyone.post("/api/auth/register", body).status_code == 201
    assert sign_in(anyone, "dora@example.test", typed).status_code == 200


def test_an_older_hash_is_replaced(anyone: APIClient, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(password=hashers.make_password(DECOMPOSED))
    assert sign_in(anyone, alice.email, COMPOSED).status_code == 401
    assert sign_in(anyone, alice.email, DECOMPOSED).status_code == 200
    assert sign_in(anyone, alice.email, COMPOSED).status_code == 200
    assert sign_in(anyone, alice.email, DECOMPOSED).status_code == 200


def test_a_second_form_is_tried_only_where_it_differs(
    anyone: APIClient, alice: User, hashes: list[str]
) -> None:
    sign_in(anyone, alice.email, "wrong, without accents")
    assert len(hashes) == 1
    hashes.clear()
    sign_in(anyone, alice.email, COMPOSED.replace("\u212b", "\u00c5"))
    assert len(hashes) == 1
    hashes.clear()
    sign_in(anyone, alice.email, DECOMPOSED)
    assert len(hashes) == 2


@pytest.mark.parametrize("password", ["wrong, without accents", DECOMPOSED])
def test_an_unknown_address_takes_as_long(
    anyone: APIClient, alice: User, hashes: list[str], password: str
) -> None:
    sign_in(anyone, alice.email, password)
    of_alice = len(hashes)
    hashes.clear()
    assert sign_in(anyone, "nobody@example.test", password).status_code == 401
    assert len(hashes) == of_alice


def test_a_change_takes_any_form_of_the_current_one(alice: User, client_of: Any, anyone: APIClient) -> None:
    alice.set_password(COMPOSED)
    alice.save()
    body = {"current_password": DECOMPOSED, "new_password": DECOMPOSED + "!"}
    assert client_of(alice).post("/api/auth/password/change", body).status_code == 200
    assert sign_in(anyone, alice.email, COMPOSED + "!").status_code == 200
