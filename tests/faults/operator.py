"""An operator who works in the admin: forms and actions, without keys, on tasks that no one else writes.

An answer that did not come may have been done: the API is asked what is true, and that is written down.
"""

import random
import re
import threading
import time
from typing import Any
from uuid import uuid4

import requests

from tests.acceptance.instance import Instance
from tests.faults.client import StubbornClient
from tests.faults.journal import Entry, Trouble
from tests.tasks_app.admin_pages import PageForm

_LIST = "/admin/tasks_app/task/"
_ACTIONS = ["complete", "trash", "restore"]


class Operator:
    """`client` is the API's view of the user whose tasks these are."""

    def __init__(self, running: Instance, client: StubbornClient, seed: str) -> None:
        self.running, self.client = running, client
        self.random = random.Random(seed)
        self.url = f"http://127.0.0.1:{running.port}"
        self.versions: dict[int, int] = {}
        self.browser = self._signed_in()

    def run(self, stop: threading.Event) -> None:
        with self.browser:
            while not stop.is_set():
                self.step()
                stop.wait(1)

    def step(self) -> None:
        if len(self.versions) < 5:
            self._add()
        else:
            self.random.choice([self._add, self._change, self._change, self._delete, self._act])()

    def _add(self) -> None:
        title = uuid4().hex
        self._form(f"{_LIST}add/", {"user": self.client.user_id, "title": title}, lambda: self._named(title))

    def _change(self) -> None:
        task = self._any()
        self._form(f"{_LIST}{task}/change/", {"title": uuid4().hex}, lambda: [task])

    def _delete(self) -> None:
        task = self._any()
        self._form(f"{_LIST}{task}/delete/", {"post": "yes"}, lambda: [task])

    def _act(self) -> None:
        tasks = self.random.sample(sorted(self.versions), 3)
        action = self.random.choice(_ACTIONS)
        data = {"action": action, "_selected_action": [str(task) for task in tasks], "index": "0"}
        self._form(_LIST, data, lambda: tasks)

    def _form(self, path: str, changes: dict[str, Any], concerned: Any) -> None:
        """Open the page, send its form with these changes, then ask the API what became of it."""
        request_id = uuid4().hex
        page = self._ask("GET", path, request_id)
        if page is None or page.status_code != 200:
            return
        form = PageForm()
        form.feed(page.text)
        fields = form.fields if path != _LIST else {}
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text[:500]
        data = fields | changes | {"csrfmiddlewaretoken": token[1]}
        answer = self._ask("POST", path, request_id, data)
        entry = Entry(request_id, self.client.user_id, "POST", path, changes)
        entry.status = answer.status_code if answer is not None else 0
        assert entry.status in (0, 302, 503), answer.text if answer is not None else ""
        for task in concerned():
            self._look(task, entry)
        self.client.journal.add(entry)

    def _look(self, task: int, entry: Entry) -> None:
        _, answer = self.client.ask("GET", f"/api/tasks/{task}")
        version = answer.body["version"] if answer.status == 200 else None
        if version is None and task in self.versions:
            del self.versions[task]
            # From the trash it is not a change: the event was recorded when it went there.
            if task not in self.trashed:
                entry.changed[task] = None
        elif version is not None and version != self.versions.get(task):
            entry.changed[task] = self.versions[task] = version
            entry.answer = answer.body
        (self.trashed.add if version and answer.body["deleted_at"] else self.trashed.discard)(task)

    def _named(self, title: str) -> list[int]:
        _, answer = self.client.ask("GET", "/api/tasks?page_size=5")
        return [task["id"] for task in answer.body["results"] if task["title"] == title]

    def _any(self) -> int:
        return self.random.choice(sorted(self.versions))

    def _ask(self, method: str, path: str, request_id: str, data: Any = None) -> requests.Response | None:
        """None when the connection broke."""
        began = time.time()
        headers = {"X-Request-ID": request_id, "Referer": self.url}
        status = 0
        answer = None
        try:
            answer = self.browser.request(
                method, self.url + path, data=data, headers=headers, allow_redirects=False, timeout=60
            )
            status = answer.status_code
        except requests.RequestException:
            pass
        if status == 0 or status >= 500:
            self.client.journal.add_trouble(Trouble(began, time.time(), status, f"{method} {path}"))
        return answer

    def _signed_in(self) -> requests.Session:
        self.trashed: set[int] = set()
        browser = requests.Session()
        page = browser.get(f"{self.url}/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token
        environment = self.running.environment
        account = {"username": environment["OPERATOR_EMAIL"], "password": environment["OPERATOR_PASSWORD"]}
        sent = account | {"csrfmiddlewaretoken": token[1]}
        answer = browser.post(f"{self.url}/admin/login/?next=/admin/", data=sent, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return browser
