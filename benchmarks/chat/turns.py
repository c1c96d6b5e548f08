"""Our share of a turn: a message and its answer over HTTP, beside the library's request to the same model."""

import asyncio
import http.client
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from benchmarks.chat.model_server import TEXT
from benchmarks.measuring import Series, Side, Turn, percentile_of, ratio
from benchmarks.report import numbers, table
from benchmarks.stage import Person, Stage, people, wait_for
from chat_app.history import keep_copy, lines_of, shown
from chat_app.instructions import instructions_for
from chat_app.language_models import Line
from chat_app.models import Conversation, Message
from chat_app.tools.registry import CHAT_TOOLS
from devkit.embedded.ports import free_port
from state_store.conversations import forget_conversation
from tasks_app.models import Priority

if TYPE_CHECKING:  # the other benchmarks do without it
    from pydantic_ai.messages import ModelMessage

MESSAGES = (10, 100, 1_000)
_ASKED = "What is due today, and what of it can wait until tomorrow?"
_SAID = "Due today: the rent, which is overdue, and the plants. The plants can wait until tomorrow."


@dataclass(frozen=True)
class Talk:
    """A conversation that has as many messages before each turn."""

    person: Person
    conversation: Conversation
    length: int

    def rewind(self, *, with_copy: bool) -> None:
        """Forget the last turn; the state store has a copy of what is left, or none."""
        self.conversation.turns.all().delete()
        self.conversation.refresh_from_db()
        forget_conversation(self.conversation.pk)
        if with_copy:
            lines_of(self.conversation)


def talks(lengths: tuple[int, ...]) -> list[Talk]:
    """A conversation of each length, of a user each."""
    found = []
    for person, length in zip(people(f"talker-{time.time_ns()}", len(lengths)), lengths, strict=True):
        conversation = Conversation.objects.create(user=person.user, title="Today")
        Message.objects.bulk_create(
            Message(
                conversation=conversation,
                role="assistant" if number % 2 else "user",
                content=_SAID if number % 2 else _ASKED,
                position=number,
            )
            for number in range(length)
        )
        found.append(Talk(person, conversation, length))
    return found


def measure(stage: Stage, model_url: str, lengths: tuple[int, ...]) -> list[str]:
    """The paragraphs and tables of the report."""
    port = free_port()
    surroundings = assistant_at(f"{model_url}/at_once/v1") | {"STREAM_PORT": str(port)}
    some = talks(lengths)
    with stage.process("serve_stream", **surroundings), _direct(f"{model_url}/at_once/v1") as direct:
        wait_for(port)
        sides = []
        for talk in some:
            sides += [
                direct.side(talk),
                Side(f"{talk.length:,}, with a copy", _turns(port, talk, with_copy=True)),
                Side(f"{talk.length:,}, without one", _turns(port, talk, with_copy=False)),
            ]
        series = stage.measure(*sides)
    rows = [row for talk in some for row in _rows(talk.length, series)]
    head = [
        "messages before",
        "turns",
        "p50 ms",
        "p99 ms",
        "ours, p50 ms",
        "times as long as the library alone",
    ]
    about = ["messages before", "read from the copy, ms", "read from PostgreSQL, ms", "write the copy, ms"]
    return [
        "A turn is one message over HTTP, whose model answers at once with text. The library alone sends the"
        " same lines, instructions and tools to the same server. Of a longer conversation the model gets the"
        " newest 100 messages. *Ours* is the turn without that.",
        table(head, rows),
        "The conversation's lines alone, p50:",
        table(about, [_history(talk, stage.seconds / 4) for talk in some]),
    ]


def assistant_at(url: str) -> dict[str, str]:
    """The environment for a model at this URL, without limits for each user."""
    model = {"ASSISTANT_MODEL": "openai:bench", "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": url}
    return {**model, "ASSISTANT_TURNS_PER_DAY": "0", "ASSISTANT_TOKENS_PER_DAY": "0"}


def _rows(length: int, series: dict[str, Series]) -> Iterator[list[str]]:
    alone = series[f"{length:,}, the library alone"]
    for name in (alone.name, f"{length:,}, with a copy", f"{length:,}, without one"):
        one = series[name]
        row = [name, f"{one.done:,}", f"{one.milliseconds(50):.1f}", f"{one.milliseconds(99):.1f}"]
        if one is alone:
            yield [*row, "", ""]
        else:
            ours = one.milliseconds(50) - alone.milliseconds(50)
            # The rates of both, so the other way round.
            yield [*row, f"{ours:.1f}", numbers(ratio(alone, one), ".1f")]


def _turns(port: int, talk: Talk, *, with_copy: bool) -> Callable[[float], Turn]:
    body = json.dumps({"message": _ASKED, "conversation_id": str(talk.conversation.pk)})
    headers = {"Authorization": f"Bearer {talk.person.token}", "Content-Type": "application/json"}

    def turn(seconds: float) -> Turn:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        latencies: list[float] = []
        until = time.perf_counter() + seconds
        while not latencies or time.perf_counter() < until:
            talk.rewind(with_copy=with_copy)
            sent = time.perf_counter()
            client.request("POST", "/api/chat", body, headers)
            answer = client.getresponse()
            text = answer.read()
            latencies.append(time.perf_counter() - sent)
            if answer.status != 200 or json.loads(text)["reply"] != TEXT:
                raise RuntimeError(f"{answer.status}: {text[:500].decode(errors='replace')}")
        client.close()
        return Turn(latencies, sum(latencies))

    return turn


class _Direct:
    """pydantic-ai's own request, without us; its client and its loop stay."""

    def __init__(self, url: str) -> None:
        from pydantic_ai.models import ModelRequestParameters, create_async_httpx2_client
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider
        from pydantic_ai.tools import ToolDefinition

        self.loop, self._http = asyncio.new_event_loop(), create_async_httpx2_client()
        provider = OpenAIProvider(api_key="none", base_url=url, http_client=self._http)
        self._model = OpenAIChatModel("bench", provider=provider)
        self._parameters = ModelRequestParameters(
            function_tools=[
                ToolDefinition(
                    name=tool.name, parameters_json_schema=tool.schema, description=tool.description
                )
                for tool in CHAT_TOOLS.values()
            ]
        )

    def side(self, talk: Talk) -> Side:
        messages = self._messages(shown(lines_of(talk.conversation)))

        def turn(seconds: float) -> Turn:
            latencies: list[float] = []
            until = time.perf_counter() + seconds
            while not latencies or time.perf_counter() < until:
                sent = time.perf_counter()
                text = self.loop.run_until_complete(self._ask(messages))
                latencies.append(time.perf_counter() - sent)
                if text.strip() != TEXT:
                    raise RuntimeError(f"The library answers {text!r}.")
            return Turn(latencies, sum(latencies))

        return Side(f"{talk.length:,}, the library alone", turn)

    def close(self) -> None:
        self.loop.run_until_complete(self._http.aclose())
        self.loop.close()

    async def _ask(self, messages: "list[ModelMessage]") -> str:
        from pydantic_ai.direct import model_request_stream

        request = model_request_stream(self._model, messages, model_request_parameters=self._parameters)
        async with request as stream:
            async for _event in stream:
                pass
        return "".join(getattr(part, "content", "") for part in stream.get().parts)

    def _messages(self, lines: list[Line]) -> "list[ModelMessage]":
        from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

        priorities = list(Priority.objects.order_by("level").values_list("name", "level"))
        instructions = instructions_for(timezone.now(), "UTC", priorities)
        said: list[ModelMessage] = [
            ModelRequest(parts=[UserPromptPart(line.content)])
            if line.role == "user"
            else ModelResponse(parts=[TextPart(line.content)])
            for line in lines
        ]
        return [*said, ModelRequest(parts=[UserPromptPart(_ASKED)], instructions=instructions)]


@contextmanager
def _direct(url: str) -> Iterator[_Direct]:
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for each request
    direct = _Direct(url)
    try:
        yield direct
    finally:
        direct.close()


def _history(talk: Talk, seconds: float) -> list[str]:
    """Milliseconds to read from the copy, to read from PostgreSQL, and to write the copy."""
    copied: list[float] = []
    stored: list[float] = []
    written: list[float] = []
    until = time.perf_counter() + seconds
    while not copied or time.perf_counter() < until:
        talk.rewind(with_copy=True)
        started = time.perf_counter()
        lines = lines_of(talk.conversation)
        copied.append(time.perf_counter() - started)
        started = time.perf_counter()
        keep_copy(talk.conversation, lines)
        written.append(time.perf_counter() - started)
        forget_conversation(talk.conversation.pk)
        started = time.perf_counter()
        lines_of(talk.conversation)  # which writes the copy too
        stored.append(time.perf_counter() - started - written[-1])
    return [
        f"{talk.length:,}",
        *(f"{percentile_of(one, 50) * 1000:.1f}" for one in (copied, stored, written)),
    ]
