"""The workflows as what they are: jobs that need each other, with steps that succeed or fail."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.files import loaded

SUCCESS, FAILURE, CANCELLED, SKIPPED = "success", "failure", "cancelled", "skipped"
# When a job runs, by the ends of those that it needs. GitHub's own words.
CONDITIONS = {
    None: lambda ends: all(each == SUCCESS for each in ends.values()),
    "${{ failure() || cancelled() }}": lambda ends: bool({FAILURE, CANCELLED} & set(ends.values())),
}
DEPLOY, CI = (loaded(f".github/workflows/{name}.yml") for name in ("deploy", "ci"))


@dataclass(frozen=True)
class Fault:
    """A step of a job that fails, or that runs when someone cancels; without one the machine was lost."""

    job: str
    step: str = ""
    conclusion: str = FAILURE


@dataclass
class Run:
    """What became of each job and, as GitHub's API has it, of each step."""

    ends: dict[str, str] = field(default_factory=dict)
    reported: list[dict[str, Any]] = field(default_factory=list)


def steps_of(job: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Name of a job that runs, with its steps: those of the called workflow if it calls one."""
    if job.get("uses"):
        assert job["uses"] == "./.github/workflows/ci.yml"
        return {f"{job['name']} / {each['name']}": each["steps"] for each in CI["jobs"].values()}
    return {job["name"]: job["steps"]}


def all_faults() -> Iterator[Fault]:
    """Each way in which something goes wrong before the state Running."""
    for job in DEPLOY["jobs"].values():
        for name, steps in steps_of(job).items():
            if job["name"] not in ("Idle", "Running"):
                yield Fault(name)
                for step in steps:
                    yield Fault(name, step["name"])
                    yield Fault(name, step["name"], CANCELLED)


def run(fault: Fault | None) -> Run:
    """Walk through the jobs as GitHub does; jobs stand after those that they need."""
    done = Run()
    for key, job in DEPLOY["jobs"].items():
        needed = job.get("needs", [])
        before = {each: done.ends[each] for each in ([needed] if isinstance(needed, str) else needed)}
        if not CONDITIONS[job.get("if")](before):
            done.ends[key] = SKIPPED
            done.reported.append({"name": job["name"], "conclusion": SKIPPED, "steps": []})
            continue
        parts = [_part(name, steps, fault) for name, steps in steps_of(job).items()]
        done.reported += parts
        conclusions = {part["conclusion"] for part in parts}
        done.ends[key] = next((each for each in (CANCELLED, FAILURE) if each in conclusions), SUCCESS)
    return done


def _part(name: str, steps: list[dict[str, Any]], fault: Fault | None) -> dict[str, Any]:
    if not (fault and fault.job == name):
        done = [{"name": step["name"], "conclusion": SUCCESS} for step in steps]
        return {"name": name, "conclusion": SUCCESS, "steps": done}
    ends, conclusion = [], SUCCESS
    for step in steps:
        if step["name"] == fault.step:
            conclusion = fault.conclusion
            ends.append(conclusion)
        else:
            ends.append(SUCCESS if conclusion == SUCCESS else SKIPPED)
    pairs = zip(steps, ends, strict=True) if fault.step else ()
    said = [{"name": step["name"], "conclusion": end} for step, end in pairs]
    return {"name": name, "conclusion": fault.conclusion, "steps": said}
