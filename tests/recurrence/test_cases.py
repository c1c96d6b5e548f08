"""Every agreed case of recurrence_cases.json: following occurrences, catch-up, completion and refusals.

more_cases.json has more of them, paragraph by paragraph of the same rules. Their values come from a walk from
minute to minute (cron) or day to day (the others) that shares no code with the engine, or from a calendar.
"""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from recurrence.rules import CatchUp, RuleError, Series, check_rule

Case = dict[str, Any]
FILES = ["recurrence_cases.json", "more_cases.json"]
CASES: list[Case] = [
    case for name in FILES for case in json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
]


def of_kind(kind: str) -> pytest.MarkDecorator:
    cases = [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] == kind]
    return pytest.mark.parametrize("case", cases)


def instants(texts: list[str]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in texts]


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def series_of(case: Case) -> Series:
    return Series(
        rule=case["rule"],
        timezone=case["timezone"],
        anchor=datetime.fromisoformat(case["start"]),
        until=instant(case.get("until")),
    )


def test_no_case_is_lost() -> None:
    assert len({case["id"] for case in CASES}) == 188 + 213
    assert Counter(case["kind"] for case in CASES) == {
        "next": 117 + 122,
        "invalid": 54 + 70,
        "completion": 12 + 13,
        "catchup": 5 + 8,
    }


@of_kind("next")
def test_next(case: Case) -> None:
    series = series_of(case)
    expected = instants(case["expect"])
    after = instant(case["after"])

    asked_for = len(expected) + 1 if case.get("ends") else len(expected)

    assert series.upcoming(after, asked_for) == expected
    if case.get("ends"):
        assert series.next_after(expected[-1] if expected else after) is None


@of_kind("catchup")
def test_catch_up(case: Case) -> None:
    answer = series_of(case).catch_up(
        datetime.fromisoformat(case["after"]), datetime.fromisoformat(case["now"]), case["policy"]
    )

    assert answer == CatchUp(
        slots=instants(case["expect"]), missed=case["missed"], next=instant(case["next"])
    )


@of_kind("completion")
def test_completion(case: Case) -> None:
    slot = series_of(case).after_completion(
        datetime.fromisoformat(case["after"]), datetime.fromisoformat(case["completed_at"]), case["mode"]
    )

    assert ([] if slot is None else [slot]) == instants(case["expect"])


@of_kind("invalid")
def test_invalid(case: Case) -> None:
    with pytest.raises(RuleError) as refusal:
        check_rule(case["rule"], timezone=case["timezone"], mode=case.get("mode", "fixed"))

    assert refusal.value.code == case["error"]


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] != "invalid"]
)
def test_every_series_of_the_cases_may_be_set(case: Case) -> None:
    check_rule(case["rule"], timezone=case["timezone"], mode=case.get("mode", "fixed"))
