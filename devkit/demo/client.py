"""The API as a client meets it: JSON over HTTP, and nothing else."""

import json
import urllib.error
import urllib.request
from typing import Any

from devkit.demo.steps import StepFailedError

_TIMEOUT_SECONDS = 60
_LONGEST_QUOTE = 300
# The instance is on this machine: a proxy for the outside world must not get its requests.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Client:
    """A client of the API: a visitor without `token`, a user with one."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.token = token

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, *, expect: int = 200) -> Any:
        """The answer's JSON (None when it has no body).

        Raises StepFailedError if the status is not `expect`, or if there is no response.
        """
        status, text = self.send(method, path, body)
        if status != expect:
            raise StepFailedError(f"{method} {path} answered {status} instead of {expect}: {_quoted(text)}")
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise StepFailedError(f"{method} {path} answered no JSON: {_quoted(text)}") from None

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        """Status and text of the response. Raises StepFailedError if there is none."""
        try:
            with _opener.open(self._request(method, path, body), timeout=_TIMEOUT_SECONDS) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode(errors="replace")
        except (OSError, ValueError) as error:
            raise StepFailedError(f"no response from {self.url}: {error}") from error

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> urllib.request.Request:
        headers = {"Accept": "application/json", "User-Agent": "todo-demo"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is None:
            return urllib.request.Request(self.url + path, headers=headers, method=method)
        headers["Content-Type"] = "application/json"
        return urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)


def _quoted(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + " ..."
