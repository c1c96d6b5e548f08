"""What a language model is to the assistant: it reads a conversation, and answers with text and calls.

Two kinds: a provider's (chat_app/provider.py) and the one without a network (chat_app/offline/).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings

from http_app.errors import Unavailable


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model wants to have called. `arguments` are as it wrote them: check them.

    The id is ours: some servers use the same ids again in each answer.
    """

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True)
class Line:
    """A message of the conversation. `calls` are of the assistant, `call_id` of a tool's result."""

    role: str
    content: str
    calls: Sequence[ToolCall] = ()
    call_id: str = ""
    provider_state: dict[str, Any] | None = None


@dataclass(frozen=True)
class Tool:
    """A tool as the model sees it. `schema` is the JSON Schema of its arguments, an object."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Prompt:
    """What a model answers to: the last line is the user's message or a tool's result.

    `now` is the time of the message, in the user's zone: the same for each answer of the turn.
    """

    instructions: str
    lines: Sequence[Line]
    tools: Sequence[Tool]
    now: datetime
    timezone: str
    # (name, level) of each.
    priorities: Sequence[tuple[str, int]] = ()
    # The local time of a reminder for a day.
    day_starts_at: str = "09:00"


@dataclass(frozen=True)
class Answer:
    """A whole answer. `provider_state` is opaque: the model gets it back with the line (JSON)."""

    text: str
    calls: Sequence[ToolCall] = ()
    provider_state: dict[str, Any] | None = field(default=None, compare=False)
    tokens: int = 0


def storable(value: Any) -> Any:
    """The same JSON value, without what PostgreSQL cannot store: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list | tuple) else value


class LanguageModel(Protocol):
    # The prefix of ASSISTANT_MODEL, for logs.
    name: str

    def answer(self, prompt: Prompt) -> AsyncIterator[str | Answer]:
        """Yield the text in pieces, as it comes, and at last the whole Answer: never a part of one.

        Raises ModelUnavailable and its subclasses (503). After an error what was yielded is void.
        """
        ...

    async def close(self) -> None: ...


class ModelUnavailable(Unavailable):
    """503: the provider of the language model does not answer, or not wholly. The message is kept."""

    default_code = "assistant_unavailable"
    default_detail = (
        "The language model did not answer. Your message is kept: send it again, with the same"
        " Idempotency-Key."
    )
    wait = 5  # DRF's name for Retry-After, seconds


class ModelBusy(ModelUnavailable):
    """503: the provider limits us (its 429)."""

    default_code = "assistant_busy"
    default_detail = "The language model has too much to do. Your message is kept: send it again later."
    wait = 30

    def __init__(self, wait: float | None = None) -> None:
        super().__init__()
        self.wait = max(1, min(3600, round(wait or type(self).wait)))


class ModelRefusesUs(ModelUnavailable):
    """503: the provider rejects our key, or the name of the model."""

    default_code = "assistant_misconfigured"
    default_detail = "The language model rejects this server's key or settings. Tell its operator."
    wait = 300


class AnswerCut(ModelUnavailable):
    """503: the answer has no end. Its text may be half a sentence, its calls half of what was meant."""

    default_code = "assistant_cut"
    default_detail = (
        "The language model's answer was cut off, so nothing of it was done. Send your message again."
    )


class AnswerWithheld(ModelUnavailable):
    """503: the provider's filters withheld the answer."""

    default_code = "assistant_withheld"
    default_detail = "The provider of the language model withheld the answer. Say it in other words."


def model_name() -> str:
    """`provider:model`, from ASSISTANT_MODEL or from the key that is there; `offline` without one."""
    if settings.ASSISTANT_MODEL:
        return str(settings.ASSISTANT_MODEL)
    if settings.GEMINI_API_KEY:
        return "google:gemini-2.5-flash"
    if settings.OPENAI_API_KEY:
        return "openai:gpt-5-mini"
    return "offline"
