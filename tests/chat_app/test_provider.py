"""Providers through their real client libraries: what is taken for an answer, and what is not."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from chat_app.language_models import (
    Answer,
    AnswerCut,
    AnswerWithheld,
    Line,
    ModelBusy,
    ModelRefusesUs,
    ModelUnavailable,
    Prompt,
    Tool,
)
from chat_app.turns.runner import create_model
from tests.chat_app.provider_servers import SIGNATURE, Call, Say, Seen, provider_server, settings_of
from tests.conftest import PATIENCE_SECONDS

PROTOCOLS = ["openai", "google", "anthropic"]
TOOL = Tool("find_tasks", "Finds tasks.", {"type": "object", "properties": {"q": {"type": "string"}}})


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    with override_settings(
        ASSISTANT_RETRIES=0,
        ASSISTANT_SILENCE_SECONDS=PATIENCE_SECONDS,
        ASSISTANT_REQUEST_SECONDS=PATIENCE_SECONDS,
    ):
        yield


def prompt(*lines: Line) -> Prompt:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return Prompt("Be brief.", lines or [Line("user", "what is due?")], [TOOL], now, "Europe/Berlin")


def ask(protocol: str, url: str, *prompts: Prompt, at_once: bool = False) -> list[Any]:
    """The answers, or errors, and the pieces of text before each."""

    async def all_of_them() -> list[Any]:
        from chat_app.provider import ProviderModel

        model = ProviderModel(f"{protocol}:scripted")

        async def one(each: Prompt) -> Any:
            try:
                return [piece async for piece in model.answer(each)]
            except ModelUnavailable as error:
                return error

        try:
            if at_once:
                return await asyncio.gather(*map(one, prompts))
            return [await one(each) for each in prompts]
        finally:
            await model.close()

    with override_settings(**settings_of(protocol, url)):
        return asyncio.run(all_of_them())


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "ollama"])
def test_text_comes_in_pieces_and_then_whole(protocol: str) -> None:
    text = "Two tasks are due today: the rent and the plants."
    with provider_server(protocol, lambda seen: Say(text)) as server:
        (pieces,) = ask(protocol, server.url, prompt())
    assert len(pieces) > 3
    assert "".join(pieces[:-1]) == text
    assert pieces[-1] == Answer(text, [], tokens=100)
    (seen,) = server.seen
    assert seen.tools == ["find_tasks"]
    assert "Be brief." in json.dumps(seen.body)


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "ollama"])
def test_calls_and_their_results_go_round(protocol: str) -> None:
    """With ids of ours, since the server uses its own again; Gemini's signatures come back to it."""

    def script(seen: Seen) -> Say:
        if len(seen.results) < 2:
            return Say(calls=[Call("find_tasks", {"q": f"é{len(seen.results)}"})] * 2)
        return Say(" and ".join(seen.results))

    with provider_server(protocol, script) as server:
        (first,) = ask(protocol, server.url, prompt())
        answer = first[-1]
        assert [call.name for call in answer.calls] == ["find_tasks"] * 2
        assert answer.calls[0].arguments == {"q": "é0"}
        assert len({call.id for call in answer.calls}) == 2
        # As it comes back from the database.
        state = json.loads(json.dumps(answer.provider_state))
        asked = Line("assistant", "", answer.calls, provider_state=state)
        results = [Line("tool", f"result {n}", call_id=call.id) for n, call in enumerate(answer.calls)]
        (second,) = ask(protocol, server.url, prompt(Line("user", "what is due?"), asked, *results))
    assert "result 0" in second[-1].text
    assert "result 1" in second[-1].text
    assert (SIGNATURE in json.dumps(server.seen[1].body)) is (protocol == "google")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_conversation_of_another_model_goes_on(protocol: str) -> None:
    other = Line("assistant", "I looked.", provider_state={"form": "other", "provider": "x"})
    lines = [Line("user", "hello"), other, Line("user", "and now?")]
    with provider_server(protocol, lambda seen: Say("Go on.")) as server:
        ask(protocol, server.url, prompt(*lines))
    said = [line for line in server.seen[0].lines if line[0] not in ("system", "developer")]
    assert said == [("user", "hello"), ("assistant", "I looked."), ("user", "and now?")]


FAULTS = {
    "401": ModelRefusesUs,
    "403": ModelRefusesUs,
    "404": ModelRefusesUs,
    "429": ModelBusy,
    "500": ModelUnavailable,
    "503": ModelUnavailable,
    "hang": ModelUnavailable,
    "stall": ModelUnavailable,
    "garbage": ModelUnavailable,
    "empty": ModelUnavailable,
    "half": ModelUnavailable,
    "drop": ModelUnavailable,
    "length": AnswerCut,
    "filter": AnswerWithheld,
}
SILENT = ["hang", "stall"]


@pytest.mark.parametrize(
    ("faults", "silence"),
    [([fault for fault in FAULTS if fault not in SILENT], PATIENCE_SECONDS), (SILENT, 1.0)],
    ids=["that are said", "silence"],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_but_a_whole_answer_is_taken_for_one(
    protocol: str, faults: list[str], silence: float
) -> None:
    def script(seen: Seen) -> Say:
        fault, _, called = seen.asked.partition(" ")
        calls = [Call("find_tasks", {"q": "a long word, in pieces"})] if called else []
        return Say("The first half of an answer", calls, fault=fault)

    asked = [fault + called for fault in faults for called in ("", " with a call")]
    with (
        override_settings(ASSISTANT_SILENCE_SECONDS=silence),
        provider_server(protocol, script) as server,
    ):
        answers = ask(protocol, server.url, *(prompt(Line("user", text)) for text in asked), at_once=True)
    for text, answer in zip(asked, answers, strict=True):
        fault = text.split()[0]
        assert isinstance(answer, FAULTS[fault]), (fault, answer)
        assert "secret" not in str(answer)
        if fault == "429":
            assert answer.wait == 7


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_empty_answer_is_none(protocol: str) -> None:
    with provider_server(protocol, lambda seen: Say("")) as server:
        (answer,) = ask(protocol, server.url, prompt())
    assert isinstance(answer, AnswerCut)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_is_retried_as_often_as_the_setting_says(protocol: str) -> None:
    with provider_server(protocol, lambda seen: Say(fault="503")) as server:
        with override_settings(ASSISTANT_RETRIES=1):
            ask(protocol, server.url, prompt())
        assert len(server.seen) == 2
        ask(protocol, server.url, prompt())
        assert len(server.seen) == 3


def test_a_provider_that_is_unknown() -> None:
    with override_settings(ASSISTANT_MODEL="unknown:scripted"), pytest.raises(ModelRefusesUs):
        create_model()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_listens(protocol: str) -> None:
    (answer,) = ask(protocol, "http://127.0.0.1:9", prompt())
    assert isinstance(answer, ModelUnavailable)
