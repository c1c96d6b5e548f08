"""The people of the story: accounts made for it, and what they leave."""

import secrets
from dataclasses import dataclass
from typing import Any

from todo_project.demo.client import Client


@dataclass
class Person:
    """Somebody with an account, signed in or not yet; `client` calls as them."""

    email: str
    password: str
    client: Client
    refresh: str = ""

    def sign_in(self) -> None:
        """Get tokens for e-mail and password."""
        credentials = {"email": self.email, "password": self.password}
        tokens = self.client.call("POST", "/api/auth/token", credentials)
        self.client, self.refresh = Client(self.client.url, tokens["access"]), tokens["refresh"]

    def leave(self) -> int:
        """Erase their tasks and subscriptions, and sign out; how many tasks there were."""
        if not self.refresh:
            return 0
        tasks = self._erase("/api/tasks", "?page_size=200&archived=false", "?permanent=true")
        tasks += self._erase("/api/tasks", "?page_size=200&trash=true", "?permanent=true")
        self._erase("/api/push-subscriptions", "?page_size=200", "")
        self.client.call("POST", "/api/auth/logout", {"refresh": self.refresh}, expect=204)
        return tasks

    def _erase(self, path: str, listing: str, how: str) -> int:
        found: list[dict[str, Any]] = self.client.call("GET", path + listing)["results"]
        for each in found:
            self.client.call("DELETE", f"{path}/{each['id']}{how}", expect=204)
        return len(found)


def new_person(url: str, *, timezone: str) -> Person:
    """Open an account that nobody else has."""
    person = Person(f"demo-{secrets.token_hex(4)}@example.test", secrets.token_urlsafe(16), Client(url))
    registration = {"email": person.email, "password": person.password, "timezone": timezone}
    person.client.call("POST", "/api/auth/register", registration, expect=201)
    return person
