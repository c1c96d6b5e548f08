"""Tables, and their place in docs/benchmarks.md: each benchmark replaces its own section there."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from django.db import connection

from benchmarks.measuring import Series, Spread, ratio, spread
from devkit.embedded.places import CHECKOUT

PAGE = CHECKOUT / "docs" / "benchmarks.md"
_FACTS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "autovacuum", "shared_buffers")


@dataclass(frozen=True)
class Report:
    """What a benchmark found, in Markdown: its title and paragraphs or tables, and the page for them."""

    title: str
    parts: Sequence[str]
    page: Path = PAGE

    @property
    def text(self) -> str:
        return "\n\n".join([f"## {self.title}", *self.parts])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def side_table(series: Iterable[Series], *, unit: str) -> str:
    """Each side: how many a second (median, lowest and highest round), and how long one takes."""
    rows = [
        [
            one.name,
            numbers(spread(one.rates), ",.0f"),
            f"{one.milliseconds(50):.1f}",
            f"{one.milliseconds(99):.1f}",
            f"{one.server_milliseconds:.2f}" if one.server_milliseconds else "",
        ]
        for one in series
    ]
    return table(
        ["", f"{unit} a second, median (range)", "p50 ms", "p99 ms", "web's processor, ms each"], rows
    )


def ratio_line(one: Series, other: Series, *, goal: float | None = None) -> str:
    """How many times as much `one` did as `other`, beside the goal if there is one."""
    times = ratio(one, other)
    found = (
        verdict(times, goal=goal) if goal else f"**{times.median:.2f}** ({times.low:.2f} to {times.high:.2f})"
    )
    return f"- {one.name} / {other.name}: {found}"


def verdict(times: Spread, *, goal: float) -> str:
    said = "reached" if times.median >= goal else "missed"
    return f"**{times.median:.2f}** ({times.low:.2f} to {times.high:.2f}); goal {goal:g}: {said}"


def latency_line(series: Series, *, goal: float) -> str:
    """The median in milliseconds beside the most it should be."""
    median = series.milliseconds(50)
    said = "reached" if median <= goal else "missed"
    return f"- {series.name}, p50: **{median:.1f} ms**; goal {goal:g} ms: {said}"


def generator_line(series: Iterable[Series]) -> str:
    most = max(turn.generator_seconds / turn.seconds for one in series for turn in one.turns)
    return f"The load generator used {most:.0%} of one processor at most."


def circumstances() -> str:
    """Date, commit, machine and PostgreSQL's own word on its durability; raises RuntimeError without it."""
    facts = {name: _show(name) for name in _FACTS}
    if (facts["fsync"], facts["synchronous_commit"]) != ("on", "on"):
        raise RuntimeError(f"PostgreSQL is not durable, so the figures would say nothing: {facts}")
    memory = psutil.virtual_memory().total / 2**30
    said = ", ".join(f"{name} {value}" for name, value in facts.items() if name != "server_version")
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit_of(CHECKOUT)}. "
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB; load {os.getloadavg()[0]:.1f} before. "
        f"Python {platform.python_version()}, PostgreSQL {facts['server_version']} ({said})."
    )


def write(name: str, report: Report, *, about: str, page: Path | None = None) -> None:
    """Put the report in the place of the last one of this name, or at the end."""
    page = page or report.page
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n{report.text}\n\n{about}\n{end}"
    text = page.read_text()
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    found = place.search(text)
    text = place.sub(lambda _: section, text) if found else f"{text.rstrip()}\n\n{section}\n"
    page.write_text(text)


def numbers(values: Spread, form: str) -> str:
    """Median, and the lowest and the highest round, each as `form` says (",.0f")."""
    return f"{values.median:{form}} ({values.low:{form}} to {values.high:{form}})"


def _show(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def commit_of(checkout: Path) -> str:
    """The commit of a checkout, and whether its files differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True)
        return done.stdout.strip()

    # Each benchmark of a run changes the page itself.
    status = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks.md")
    changed = " with changes" if status else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", about.read_text()) if about.exists() else []
    return names[0] if names else platform.processor() or platform.machine()
