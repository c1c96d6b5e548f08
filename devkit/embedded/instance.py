"""The environment of one instance: its servers, and the secrets made at its first start."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from devkit.embedded.claim import is_claimed
from devkit.embedded.places import Places


def instance_environment(places: Places, servers: Mapping[str, str]) -> dict[str, str]:
    """The variables of settings.py for this instance; whatever the environment already sets wins."""
    made = {
        "TODO_ENV": "development",
        "SECRET_KEY": kept_secret(places, "secret_key", lambda: secrets.token_urlsafe(50)),
        "VAPID_PRIVATE_KEY": kept_secret(places, "vapid_private_key", new_vapid_key),
        "METRICS_TOKEN": kept_secret(places, "metrics_token", lambda: secrets.token_urlsafe(24)),
        # Not the console: a log would keep the tokens in them.
        "EMAIL_URL": f"filemail:///{quote(str(places.mails))}",
        "OPERATOR_EMAIL": "operator@example.test",
        "OPERATOR_PASSWORD": kept_secret(places, "operator_password", lambda: secrets.token_urlsafe(12)),
    }
    return made | dict(servers) | {name: os.environ[name] for name in made if os.environ.get(name)}


def kept_secret(places: Places, name: str, make: Callable[[], str]) -> str:
    """The secret of that name, made at the first call and then kept in a file only its owner can read."""
    file = places.secrets / name
    if not file.exists():
        _write_private(file, make())
    return file.read_text().strip()


def new_vapid_key() -> str:
    """A private key for VAPID (RFC 8292): the 32-byte scalar of a new P-256 key, in base64url."""
    from cryptography.hazmat.primitives.asymmetric import ec  # slow to import, needed once in a lifetime

    scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(scalar.to_bytes(32, "big")).rstrip(b"=").decode()


@contextmanager
def published(places: Places, environment: Mapping[str, str]) -> Iterator[None]:
    """Let other commands of this checkout find the running instance (see `running_environment`)."""
    _write_private(places.environment, json.dumps(dict(environment)))
    try:
        yield
    finally:
        places.environment.unlink(missing_ok=True)


def running_environment(places: Places) -> dict[str, str]:
    """The variables of the instance that runs on this data directory; empty when none is up."""
    if not (places.environment.exists() and is_claimed(places)):
        return {}
    running: dict[str, str] = json.loads(places.environment.read_text())
    return running


def _write_private(file: Path, text: str) -> None:
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    unfinished.replace(file)
