"""The checkout's files that a deployment is made of."""

from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
CONTAINER = CHECKOUT / "deploy" / "container"


def text(name: str) -> str:
    return (CHECKOUT / name).read_text()


def loaded(name: str) -> Any:
    return yaml.load(text(name), yaml.CSafeLoader)  # in C: a tenth of the time for long documents


def procfile() -> dict[str, str]:
    """Each role with its command."""
    return dict(line.split(": ", 1) for line in text("Procfile").splitlines())


def dockerfile() -> list[str]:
    """Its instructions, each on one line, without comments."""
    lines = [line for line in text("deploy/Dockerfile").splitlines() if not line.startswith("#")]
    return [" ".join(each.split()) for each in "\n".join(lines).replace("\\\n", " ").splitlines() if each]
