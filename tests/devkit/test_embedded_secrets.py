"""Secrets are made at the first start, kept, and readable by their owner alone."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from environ import Env

from devkit.embedded.instance import instance_environment, new_vapid_key
from devkit.embedded.places import Places

NAMES = ("SECRET_KEY", "VAPID_PRIVATE_KEY", "METRICS_TOKEN", "OPERATOR_PASSWORD")


@pytest.fixture(autouse=True)
def _nothing_given(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.make()
    for name in (*NAMES, "OPERATOR_EMAIL", "EMAIL_URL"):
        monkeypatch.delenv(name, raising=False)


def test_they_stay_the_same(places: Places) -> None:
    assert instance_environment(places, {}) == instance_environment(places, {})


def test_two_instances_share_none(places: Places) -> None:
    other = Places(data=places.data.parent / "other")
    other.make()
    one, two = instance_environment(places, {}), instance_environment(other, {})
    assert all(one[name] != two[name] for name in NAMES)


def test_only_their_owner_can_read_them(places: Places) -> None:
    instance_environment(places, {})
    files = list(places.secrets.iterdir())
    assert len(files) == len(NAMES)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_what_the_environment_gives_wins(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "from outside")
    environment = instance_environment(places, {"DATABASE_URL": "postgresql://somewhere/else"})
    assert environment["SECRET_KEY"] == "from outside"
    assert environment["DATABASE_URL"] == "postgresql://somewhere/else"


def test_mails_go_to_files_in_the_data_directory(places: Places) -> None:
    url = instance_environment(places, {})["EMAIL_URL"]
    settings = Env.email_url_config(url)
    assert settings["EMAIL_BACKEND"] == "django.core.mail.backends.filebased.EmailBackend"
    assert settings["EMAIL_FILE_PATH"] == str(places.data / "mails")


def test_the_vapid_key_is_a_p256_scalar_in_base64url() -> None:
    key = new_vapid_key()
    scalar = base64.urlsafe_b64decode(key + "=")
    assert len(scalar) == 32
    ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
