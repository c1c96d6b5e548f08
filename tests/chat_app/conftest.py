"""A chat with the language model that a test scripts."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.test import override_settings

from chat_app.language_models import Answer, Prompt, ToolCall
from chat_app.turns import runner
from tests.chat_app.provider_servers import ProviderServer, Script, provider_server, settings_of
from tests.chat_app.served import Chat, served


class ScriptedModel:
    """Answers what a function of the prompt says: an Answer, or an error to raise."""

    name = "scripted"

    def __init__(self, script: Callable[[Prompt], Any]) -> None:
        self.script = script

    async def answer(self, prompt: Prompt) -> AsyncIterator[str | Answer]:
        found = self.script(prompt)
        if hasattr(found, "__await__"):
            found = await found
        if isinstance(found, Exception):
            raise found
        if found.text:
            yield found.text
        yield found

    async def close(self) -> None:
        pass


def calls(*wanted: tuple[str, dict[str, Any]], text: str = "") -> Answer:
    """An answer that calls these tools; their ids count up through the test."""
    return Answer(text, [ToolCall(f"call_{next(_ids)}", name, arguments) for name, arguments in wanted])


_ids = iter(range(10**9))


@pytest.fixture
def chat_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Prompt], Any]], Chat]]:
    """`chat_with(script)`: a chat whose model is this script."""
    with ExitStack() as stack:

        def begin(script: Callable[[Prompt], Any]) -> Chat:
            monkeypatch.setattr(runner, "create_model", lambda: ScriptedModel(script))
            return stack.enter_context(served())

        yield begin


@contextmanager
def chat_by_provider(protocol: str, script: Script) -> Iterator[tuple[Chat, ProviderServer]]:
    """A chat by way of the real client library and a local server."""
    with (
        provider_server(protocol, script) as server,
        override_settings(**settings_of(protocol, server.url)),
        served() as chat,
    ):
        yield chat, server
