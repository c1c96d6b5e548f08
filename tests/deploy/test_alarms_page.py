"""Each alarm has a row that says what it means and what to do, and no row is of an alarm that is gone."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_each_alarm_has_its_row() -> None:
    rules = yaml.safe_load((ROOT / "deploy/helm/todo/files/alarms.yaml").read_text())
    alarms = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    rows = [
        line.strip("|").split("|")
        for line in (ROOT / "docs/operations/alarms.md").read_text().splitlines()
        if line.startswith("| `Todo")
    ]
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row[0])) == sorted(alarms)
    assert all(len(cell.split()) > 1 for row in rows for cell in row[1:])
