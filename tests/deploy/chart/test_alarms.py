"""Alarms and the dashboard ask for metrics that exist, and the operations page says what each alarm means."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from prometheus_client import REGISTRY

from tests.deploy.chart.rendering import named, of_kind, set_named
from tests.deploy.chart.values import CHART

ROOT = Path(__file__).parents[3]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
METRIC = re.compile(r"\b(?:todo_[a-z_]+|process_[a-z_]+)\b")
ALARMS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((CHART / "files/alarms.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((CHART / "files/dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]


@cache
def metrics() -> set[str]:
    """Each name that /metrics may have: of the processes, of PostgreSQL, of the relay."""
    counted = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    # Labelled ones have no sample before their first, and some are made from rows.
    source = "".join(
        path.read_text()
        for app in ROOT.glob("*/")
        for path in app.glob("*.py")
        if (app / "__init__.py").exists()
    )
    declared = set(re.findall(r'"((?:todo|process)_[a-z_]+)"', source))
    of_rows = {f"todo_{name}" for name in re.findall(r'_(?:gauge|age|by_group)\(\s*"([a-z_]+)"', source)}
    waiting = re.findall(r'_waiting\(\s*"([a-z_]+)"', source)
    of_rows |= {f"todo_{name}_{end}" for name in waiting for end in ("due", "oldest_due_age_seconds")}
    names = counted | declared | of_rows
    return names | {f"{name}_{end}" for name in declared for end in ("total", "bucket", "sum", "count")}


def test_each_metric_exists() -> None:
    for expression in [alarm["expr"] for alarm in ALARMS] + QUERIES:
        used = set(METRIC.findall(expression))
        assert used
        assert used <= metrics(), expression


def test_each_matcher_of_labels_is_whole() -> None:
    """PromQL has no parser here; a value without quotes is what a template or an editor makes of one."""
    matcher = r'[a-z_]+(=|!=|=~|!~)"[^"{}]*"'
    for expression in [alarm["expr"] for alarm in ALARMS] + QUERIES:
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing)
        for matchers in re.findall(r"\{([^}]*)\}", expression):
            assert re.fullmatch(f"{matcher}(,{matcher})*", matchers), expression


def test_what_does_not_exist_is_found() -> None:
    assert "todo_reminders_oldest_due_age_seconds" in metrics()
    assert not {"todo_reminders_late_total", "todo_outbox", "todo_deliveries_bucket_total"} & metrics()


def test_alarms_are_the_table_of_the_operations_page() -> None:
    """Each expression of the page asks for what some alarm asks for, by the same bound, and the reverse."""
    table = OPERATIONS.partition("| alert | expression |")[2].partition("\n\n")[0]
    documented = [
        found for row in table.splitlines() for found in re.findall(r"`([^`]+)`", row) if METRIC.search(found)
    ]
    assert len(documented) > 15
    in_chart = {question(alarm["expr"]) for alarm in ALARMS}
    # Said of a metric that is not there.
    assert {question(one) for one in documented} == in_chart - {(("todo_database_up",), "absent")}


def question(expression: str) -> tuple[tuple[str, ...], str]:
    """The metrics it asks for and the bound it compares with."""
    bound = re.search(r"(?:[<>=]=?)\s*([0-9.]+)", expression.rpartition(")")[2] or expression)
    names = tuple(sorted(set(METRIC.findall(expression))))
    if names == ("todo_tick_last_run_age_seconds",) and 'tick="scan-reminders"' not in expression:
        return names, "by tick"
    return names, bound[1] if bound else "absent" if expression.startswith("absent") else "relative"


def test_each_tick_has_one_alarm_that_waits_for_several_of_them() -> None:
    bounds = {}
    for alarm in ALARMS:
        if alarm["alert"].endswith("TickSilent"):
            matchers = re.findall(r'tick(=~|!~|!=)"([^"]+)"', alarm["expr"])
            seconds = float(alarm["expr"].rpartition("> ")[2])
            for tick in settings.CELERY_BEAT_SCHEDULE:
                if all(bool(re.fullmatch(wanted, tick)) == (how == "=~") for how, wanted in matchers):
                    assert tick not in bounds
                    bounds[tick] = seconds
    for tick, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert bounds[tick] >= 2 * entry["schedule"], tick


def test_each_alarm_says_what_it_is_about() -> None:
    names = [alarm["alert"] for alarm in ALARMS]
    assert len(set(names)) == len(names)
    for alarm in ALARMS:
        assert alarm["labels"] in ({"severity": "critical"}, {"severity": "warning"})
        assert set(alarm["annotations"]) == {"summary", "description"}
        # A label that the expression sums away would be empty in the message.
        for label in re.findall(r"\$labels\.([a-z_]+)", alarm["annotations"]["description"]):
            assert re.search(rf"by \([^)]*\b{label}\b", alarm["expr"]), alarm["alert"]


def test_the_chart_has_them_as_they_are() -> None:
    (rule,) = of_kind(set_named("everything"), "PrometheusRule")
    assert [each for group in rule["spec"]["groups"] for each in group["rules"]] == ALARMS
    data = named(set_named("everything"), "ConfigMap", "todo-dashboard")["data"]
    assert json.loads(data["todo.json"]) == DASHBOARD


def test_panels_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _y in cells) < 24
    assert all(panel["title"] and panel["targets"] for panel in PANELS)
