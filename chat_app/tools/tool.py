"""What a tool is, the turn that it works for, and how it refuses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from accounts_app.models import User
from chat_app.models import Confirmation, Turn
from chat_app.snapshots import Changes

Scope = Literal["read", "write"]


class Arguments(BaseModel):
    """The arguments of a tool. Unknown ones are refused by name, and no value is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True)
class TurnContext:
    """Who a tool works for. The user comes from here, never from arguments.

    `now` is the time from which "in 30 minutes" counts. A turn of MCP has no conversation: nothing is asked
    there, so what would need a confirmation is refused or, for the trash, done.
    """

    user: User
    turn: Turn
    now: datetime
    changes: Changes = field(default_factory=Changes)

    @property
    def actor(self) -> str:
        """In the events of what is changed: `assistant:<conversation id>`, or `assistant:mcp`."""
        return f"assistant:{self.turn.conversation_id or 'mcp'}"

    @property
    def can_ask(self) -> bool:
        return self.turn.conversation_id is not None


@dataclass(frozen=True)
class Tool:
    """One tool. `run` gets its context and its validated arguments, and answers JSON values.

    `is_destructive`: it takes something away, so a conversation asks first.
    """

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[TurnContext, Any], dict[str, Any]]
    scope: Scope = "write"
    is_destructive: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments."""
        return self.arguments.model_json_schema()


@dataclass(frozen=True)
class Problem:
    """What is wrong with one argument (null: with the call), and what would be right."""

    code: str
    field: str | None
    text: str


class ToolError(Exception):
    """A call that was refused and has changed nothing."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.text)

    @classmethod
    def of(cls, code: str, text: str, field: str | None = None) -> "ToolError":
        return cls([Problem(code, field, text)])

    @property
    def code(self) -> str:
        return self.problems[0].code

    @property
    def text(self) -> str:
        """For the model and for people: each problem with its argument, and what would be right."""
        return " ".join(f"{one.field}: {one.text}" if one.field else one.text for one in self.problems)

    def as_json(self) -> dict[str, Any]:
        return {"error": [vars(one) for one in self.problems]}


@dataclass(frozen=True)
class Result:
    """What a call answered. `is_repeat`: it was carried out before, and this time nothing was done."""

    data: Mapping[str, Any]
    is_repeat: bool = False


@dataclass(frozen=True)
class NeedsConfirmation:
    """The call has changed nothing yet: its user is asked first."""

    confirmation: Confirmation
