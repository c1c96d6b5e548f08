"""The people of the story: accounts made for it, and what they leave."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from devkit.demo.client import Client


@dataclass
class Person:
    """A new user in a time zone; `client` sends requests as this user after the sign-in."""

    client: Client
    timezone: str
    email: str = field(default_factory=lambda: f"demo-{secrets.token_hex(4)}@example.test")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    refresh: str = ""

    def register(self) -> None:
        """Open an account."""
        registration = {"email": self.email, "password": self.password, "timezone": self.timezone}
        self.client.call("POST", "/api/auth/register", registration, expect=201)

    def sign_in(self) -> None:
        """Get tokens for e-mail and password."""
        credentials = {"email": self.email, "password": self.password}
        tokens = self.client.call("POST", "/api/auth/token", credentials)
        self.client, self.refresh = Client(self.client.url, tokens["access"]), tokens["refresh"]

    def leave(self) -> tuple[int, int]:
        """Erase their tasks and subscriptions, and sign out; how many there were of each."""
        if not self.refresh:
            return 0, 0
        tasks = self._erase("/api/tasks", "?permanent=true")
        subscriptions = self._erase("/api/push-subscriptions")
        self.client.call("POST", "/api/auth/logout", {"refresh": self.refresh}, expect=204)
        return tasks, subscriptions

    def _erase(self, path: str, how: str = "") -> int:
        found: list[dict[str, Any]] = self.client.call("GET", path)["results"]
        for each in found:
            self.client.call("DELETE", f"{path}/{each['id']}{how}", expect=204)
        return len(found)
