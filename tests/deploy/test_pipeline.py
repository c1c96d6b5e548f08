"""The pipeline goes from Idle to Running, or back to Idle with a notice that names the step."""

import json
import os
import re
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.deploy.files import text
from tests.deploy.pipeline import CI, DEPLOY, FAILURE, SKIPPED, SUCCESS, Fault, Run, all_faults, run, steps_of

STATES = ["Building", "Pushing", "Deploying", "Running"]
FAULTS = list(all_faults())
WORKFLOWS = {"deploy": DEPLOY, "ci": CI}
STEPS = [
    pytest.param(step, id=f"{file}, {job['name']}, {step['name']}")
    for file, workflow in WORKFLOWS.items()
    for job in workflow["jobs"].values()
    for step in job.get("steps", [])
]
USES = [line.strip() for name in WORKFLOWS for line in text(f".github/workflows/{name}.yml").splitlines()]
USES = [line for line in USES if "uses: " in line]


def states(done: Run) -> list[str]:
    """The states in which a job ran, each once, in order."""
    ran = [DEPLOY["jobs"][key]["name"].split(":")[0] for key, end in done.ends.items() if end != SKIPPED]
    return list(dict.fromkeys(ran))


@pytest.fixture
def notice(tmp_path: Path) -> Any:
    """Runs the notice's own script; what it writes to the log and to the summary."""

    def say(done: Run, webhook: str = "") -> tuple[str, str]:
        (tmp_path / "jobs.json").write_text(json.dumps({"jobs": done.reported}))
        gh = tmp_path / "gh"
        gh.write_text('#!/bin/sh\n[ "$1 $2" = "api jobs?per_page=100" ] && cat "$(dirname "$0")/jobs.json"\n')
        gh.chmod(0o755)
        summary = tmp_path / "summary"
        summary.write_text("")
        variables = {"JOBS": "jobs", "NOTICE_WEBHOOK": webhook, "GITHUB_STEP_SUMMARY": str(summary)}
        (step,) = DEPLOY["jobs"]["idle"]["steps"]
        done_step = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"} | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return done_step.stdout, summary.read_text()

    return say


class TestStates:
    def test_without_a_fault_it_runs(self) -> None:
        done = run(None)
        assert states(done) == STATES
        assert done.ends["idle"] == SKIPPED

    def test_each_step_can_fail(self) -> None:
        """The list of faults is complete: those of four jobs, of which one calls two."""
        names = {job["name"] for job in DEPLOY["jobs"].values()} - {"Idle", "Running", "Building: test"}
        assert {fault.job.split(" / ")[0] for fault in FAULTS} == names | {"Building: test"}
        assert len(FAULTS) == sum(
            1 + 2 * len(steps)
            for job in list(DEPLOY["jobs"].values())[:4]
            for steps in steps_of(job).values()
        )
        assert len(FAULTS) > 40

    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    def test_a_fault_leads_to_idle_and_never_to_running(self, fault: Fault) -> None:
        done = run(fault)
        assert "Running" not in states(done)
        assert states(done)[-1] == "Idle"
        assert states(done)[-2] == fault.job.split(":")[0]
        assert done.ends["idle"] == SUCCESS

    def test_the_notice_names_state_and_step(self, notice: Any) -> None:
        of_each_job = {fault.job: fault for fault in FAULTS if fault.conclusion == FAILURE}.values()
        for fault in (FAULTS[0], FAULTS[2], *of_each_job):
            log, summary = notice(run(fault))
            assert f"because this failed: {fault.job}: {fault.step or 'the job itself'}; the release" in log
            assert log.startswith("::error title=Not deployed::Idle again")
            assert summary in log

    def test_the_notice_of_two_jobs_that_failed(self, notice: Any) -> None:
        done = run(Fault("Building: test / Everything", "Check everything"))
        done.reported[1] |= {"conclusion": FAILURE, "steps": [{"name": "X", "conclusion": FAILURE}]}
        log, _summary = notice(done)
        assert "Building: test / Everything: Check everything; Building: test / On Python 3.11: X; the" in log

    def test_the_notice_goes_to_the_webhook_too(self, notice: Any) -> None:
        got: list[Any] = []

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        with HTTPServer(("127.0.0.1", 0), Hook) as server:
            thread = Thread(target=server.handle_request)
            thread.start()
            notice(run(Fault("Pushing", "Push the image")), f"http://127.0.0.1:{server.server_port}/")
            thread.join()
        (body,) = got
        assert "Pushing: Push the image;" in body["text"]

    def test_no_step_goes_on_after_a_fault(self) -> None:
        """Else a fault would not end its job, and the walk above would not be what happens."""
        for workflow in WORKFLOWS.values():
            for job in workflow["jobs"].values():
                assert "continue-on-error" not in job
                assert not [step for step in job.get("steps", []) if {"if", "continue-on-error"} & set(step)]

    def test_names_fit_into_the_notice(self) -> None:
        names = [step.values[0]["name"] for step in STEPS]
        assert not [name for name in names if re.search(r'["\\\n%]', name)]


class TestDeployment:
    def script(self, job: str, name: str) -> str:
        (found,) = [step["run"] for step in DEPLOY["jobs"][job]["steps"] if step["name"] == name]
        return str(found)

    def test_a_deployment_that_fails_is_rolled_back(self) -> None:
        script = self.script("deploy", "Upgrade the release")
        assert "--wait --rollback-on-failure --timeout 15m" in script
        minutes = int(re.search(r"--timeout (\d+)m", script)[1])  # type: ignore[index]
        assert DEPLOY["jobs"]["deploy"]["timeout-minutes"] >= 2 * minutes  # time to roll back, too

    def test_it_is_never_cut_off_by_the_next(self) -> None:
        assert DEPLOY["concurrency"] == {"group": "deploy", "cancel-in-progress": False}

    def test_what_helm_is_given(self, tmp_path: Path) -> None:
        """The release, the chart and its values, the image and its tag; own values come last."""
        helm = tmp_path / "helm"
        helm.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        helm.chmod(0o755)
        job = DEPLOY["jobs"]["deploy"]
        own = 'host: todo.mycompany.com\nx: "$(touch /tmp/no) `id`"\n'
        variables = {
            **{name: value for name, value in job["env"].items() if "${{" not in value},
            **{
                "IMAGE": "registry.digitalocean.com/mine/todo-backend",
                "GITHUB_SHA": "1e5",
                "OWN_VALUES": own,
            },
            **{"RUNNER_TEMP": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        }
        command = ["bash", "-e", "-c", self.script("deploy", "Upgrade the release")]
        said = subprocess.run(
            command, env=variables, capture_output=True, text=True, check=True
        ).stdout.split("\n")
        assert said[:4] == ["upgrade", "--install", "todo", "deploy/helm/todo"]
        assert [said[at + 1] for at, each in enumerate(said) if each == "--values"] == [
            "deploy/helm/todo/values-prod.yaml",
            f"{tmp_path}/own-values.yaml",
        ]
        assert [said[at + 1] for at, each in enumerate(said) if each == "--set-string"] == [
            "image.backend.repository=registry.digitalocean.com/mine/todo-backend",
            "image.backend.tag=1e5",
        ]
        assert (tmp_path / "own-values.yaml").read_text() == f"{own}\n"

    def test_credentials_expire(self) -> None:
        assert "--expiry-seconds 1200" in self.script("push", "Sign in to the registry")
        assert "--expiry-seconds 1800" in self.script("deploy", "Get access to the cluster")

    def test_the_image_that_was_tried_is_the_one_that_is_pushed(self) -> None:
        builds = [
            job
            for job in DEPLOY["jobs"].values()
            for step in job.get("steps", [])
            if "docker build" in step.get("run", "")
        ]
        assert builds == [DEPLOY["jobs"]["build"]]
        assert "docker load" in self.script("push", "Push the image")

    def test_when_it_runs(self) -> None:
        assert DEPLOY[True] == {
            "push": {"branches": ["main"]},
            "workflow_dispatch": None,
        }  # `on` is YAML 1.1's true
        assert CI[True] == {
            "pull_request": None,
            "push": {"branches-ignore": ["main"]},
            "workflow_call": None,
            "workflow_dispatch": None,
        }

    def test_ci_is_what_developers_run(self) -> None:
        runs = [step["run"] for job in CI["jobs"].values() for step in job["steps"] if "run" in step]
        assert runs == [".ci/run", ".ci/oldest tests"]


class TestSafety:
    @pytest.mark.parametrize("line", USES)
    def test_each_action_is_pinned_by_its_commit_and_names_its_version(self, line: str) -> None:
        own = line == "uses: ./.github/workflows/ci.yml"
        assert own or re.fullmatch(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)

    def test_an_action_has_one_version(self) -> None:
        pairs = {tuple(line.split("@")) for line in USES if "@" in line}
        assert len({name for name, _commit in pairs}) == len(pairs) >= 6

    def test_nothing_is_allowed_but_reading(self) -> None:
        for workflow in WORKFLOWS.values():
            assert workflow["permissions"] == {}
            for job in workflow["jobs"].values():
                assert set(job["permissions"].items()) <= {("contents", "read"), ("actions", "read")}

    def test_tokens_are_where_they_are_needed(self) -> None:
        have = {key for key, job in DEPLOY["jobs"].items() if "DIGITALOCEAN_ACCESS_TOKEN" in str(job)}
        assert have == {"push", "deploy"}
        assert {DEPLOY["jobs"][key]["environment"] for key in have} == {"production"}
        assert "secrets." not in str(CI)
        assert "secrets" not in DEPLOY["jobs"]["test"]

    @pytest.mark.parametrize("step", STEPS)
    def test_no_expression_is_pasted_into_a_shell(self, step: dict[str, Any]) -> None:
        assert "${{" not in step.get("run", "")

    def test_the_checkout_leaves_no_token_behind(self) -> None:
        checkouts = [
            step.values[0] for step in STEPS if "actions/checkout@" in step.values[0].get("uses", "")
        ]
        assert len(checkouts) == 4
        assert all(step["with"] == {"persist-credentials": False} for step in checkouts)

    def test_each_job_ends(self) -> None:
        jobs = [
            job for workflow in WORKFLOWS.values() for job in workflow["jobs"].values() if "uses" not in job
        ]
        assert all(job["timeout-minutes"] <= 45 for job in jobs)
