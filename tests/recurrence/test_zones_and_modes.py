"""Only exact IANA names are zones; counting from completion needs a period to add."""

from datetime import date, datetime

import pytest

from recurrence import zones
from recurrence.rules import RuleError, Series, check_rule, end_of_local_day, instant_of, zone

NOON = datetime.fromisoformat("2026-06-01T12:00")


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+12", "US/Pacific", "EST5EDT"]
)
def test_iana_names_are_zones(name: str) -> None:
    check_rule("daily", timezone=name)

    assert zone(name).key == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "../x",
        "../../etc/passwd",
        "/usr/share/zoneinfo/UTC",
        "Europe",
        "Europe/",
        "Europe/Atlantis",
        "europe/berlin",
        "EUROPE/BERLIN",
        "utc",
        " UTC",
        "UTC\n",
        "UTC\x00",
        "Europe/Berlin\x00",
        "localtime",
        "Factory",
        "posixrules",
        "posix/UTC",
        "right/UTC",
        "tzdata.zi",
        "zone.tab",
        "+02:00",
        "CEST",
        "Ünïcode/Zone",
        "\ud800",
        "UTC" * 1000,
    ],
)
def test_anything_else_is_a_bad_timezone(name: str) -> None:
    series = Series(rule="daily", timezone=name, anchor=NOON)
    for ask in (
        lambda: zone(name),
        lambda: check_rule("daily", timezone=name),
        lambda: instant_of(NOON, name),
        lambda: end_of_local_day(date(2026, 6, 1), name),
        lambda: series.next_after(None),
    ):
        with pytest.raises(RuleError, match="Europe/Berlin") as refusal:
            ask()
        assert refusal.value.code == "bad_timezone"


def test_a_zone_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = zone("Europe/Berlin")
    monkeypatch.delattr(zones, "zoneinfo")
    monkeypatch.delattr(zones, "ZoneInfo")

    assert zone("Europe/Berlin") is first


@pytest.mark.parametrize("rule", ["daily", "weekly", "monthly"])
def test_a_period_can_be_counted_from_completion(rule: str) -> None:
    check_rule(rule, timezone="UTC", mode="after_completion")


@pytest.mark.parametrize(
    ("rule", "mode"),
    [
        ("weekdays", "after_completion"),
        ("cron:0 9 * * *", "after_completion"),
        ("daily", "sometimes"),
        ("daily", ""),
        ("weekdays", "FIXED"),
    ],
)
def test_other_modes_are_refused(rule: str, mode: str) -> None:
    with pytest.raises(RuleError, match="fixed") as refusal:
        check_rule(rule, timezone="UTC", mode=mode)

    assert refusal.value.code == "mode_not_allowed"


def test_the_rule_is_checked_before_the_zone_and_the_zone_before_the_mode() -> None:
    with pytest.raises(RuleError) as refusal:
        check_rule("cron:60 * * * *", timezone="nowhere", mode="sometimes")
    assert refusal.value.code == "out_of_range"

    with pytest.raises(RuleError) as refusal:
        check_rule("weekdays", timezone="nowhere", mode="after_completion")
    assert refusal.value.code == "bad_timezone"
