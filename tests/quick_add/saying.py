"""Sentences, and what is expected of them."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from quick_add import Understood, understand

PRIORITIES = {"Low": 1, "Medium": 2, "High": 3, "Critical": 4}
NOW, BERLIN = "2026-03-25T10:00+01:00", "Europe/Berlin"  # a Wednesday; clocks go forward on Sunday


def cases(*names: str) -> list[Any]:
    """{id, text, now, timezone} with `expect`, the fields, or `ask`, the code of the one question."""
    return [case for name in names for case in json.loads(Path(__file__).with_name(name).read_text())]


def said(text: str, now: str = NOW, timezone: str = BERLIN) -> Understood:
    moment = datetime.fromisoformat(now)
    return understand(text, now=moment, timezone=timezone, priorities=PRIORITIES)


def fields(understood: Understood) -> dict[str, Any]:
    return {name: _written(value) for name, value in understood.fields.items()}


def codes(understood: Understood) -> list[str]:
    return [question.code for question in understood.questions]


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value.isoformat() if isinstance(value, date) else value
