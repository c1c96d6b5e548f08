"""Makes the secrets of a deployment that has none yet: a file for the shell, which only its owner can read.

`python new_secrets.py FILE`. A file that exists is left as it is. What the environment sets later wins.
"""

import base64
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec


def vapid_key() -> str:
    """A private key for Web Push (RFC 8292): the 32-byte scalar of a new P-256 key, in base64url."""
    scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(scalar.to_bytes(32, "big")).rstrip(b"=").decode()


SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "VAPID_PRIVATE_KEY": vapid_key,
    "METRICS_TOKEN": lambda: secrets.token_urlsafe(24),
    "OPERATOR_PASSWORD": lambda: secrets.token_urlsafe(12),
}


def write_secrets(file: Path) -> bool:
    """Whether they were made: not if the file is there. It appears as a whole or not at all."""
    if file.exists():
        return False
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    lines = [f'export {name}="${{{name}:-{make()}}}"\n' for name, make in SECRETS.items()]
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.writelines(lines)
    unfinished.replace(file)
    return True


if __name__ == "__main__":
    made = write_secrets(Path(sys.argv[1]))
    sys.stdout.write(f"{sys.argv[1]}: {'new secrets were made' if made else 'the secrets are there'}.\n")
