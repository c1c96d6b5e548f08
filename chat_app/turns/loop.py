"""The loop of a turn: ask the model, carry out what it calls, and ask it again with the results."""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings

from chat_app.exceptions import TurnTooLong
from chat_app.history import shown
from chat_app.instructions import instructions_for
from chat_app.language_models import Answer, LanguageModel, Line, Prompt, Tool
from chat_app.threads import DatabaseThreads
from chat_app.tools.registry import CHAT_TOOLS
from chat_app.turns.beginning import Begun
from chat_app.turns.steps import Done, Step, carry_out, end_waiting, store_answer
from recurrence.rules import zone


class Event(NamedTuple):
    """What a client that follows the turn gets."""

    name: str
    data: dict[str, Any]


Tell = Callable[[Event], None]


async def run(begun: Begun, model: LanguageModel, database: DatabaseThreads, tell: Tell) -> dict[str, Any]:
    """Run the turn to its end, and return the answer to the client.

    Raises ModelUnavailable, TurnTooLong (503), TurnOver; the turn is then still to be ended.
    """
    try:
        async with asyncio.timeout(settings.ASSISTANT_TURN_SECONDS):
            return await _run(begun, model, database, tell)
    except TimeoutError as error:
        raise TurnTooLong from error


async def _run(begun: Begun, model: LanguageModel, database: DatabaseThreads, tell: Tell) -> dict[str, Any]:
    lines, done = list(begun.lines), Done()
    for _ in range(settings.ASSISTANT_TURN_REQUESTS):
        answer = await _ask(prompt_for(begun, lines), model, tell)
        done.texts.append(answer.text)
        result = None if answer.calls else done.as_answer(begun)
        lines.append(await database.run(store_answer, begun, answer, result=result))
        if result:
            return result
        for call in answer.calls:
            tell(Event("step", {"call_id": call.id, "tool": call.name, "state": "started"}))
            step = await database.run(carry_out, begun, call)
            lines.append(step.line)
            _note(step, done, tell)
        if done.confirmations:
            result = done.as_answer(begun)
            await database.run(end_waiting, begun, result)
            return result
    raise TurnTooLong


def _note(step: Step, done: Done, tell: Tell) -> None:
    done.actions.append(step.action)
    tell(Event("step", step.action))
    if step.confirmation:
        done.confirmations.append(step.confirmation)
        tell(Event("confirmation", step.confirmation))


async def _ask(prompt: Prompt, model: LanguageModel, tell: Tell) -> Answer:
    async for piece in model.answer(prompt):
        if isinstance(piece, Answer):
            return piece
        tell(Event("text", {"text": piece}))
    raise AssertionError("A model ended without an answer.")


def prompt_for(begun: Begun, lines: list[Line]) -> Prompt:
    """What the model is asked, after these lines."""
    newest = lines[-settings.ASSISTANT_HISTORY_MESSAGES :]
    # A long turn may have more lines than that, and its message must be among them.
    if not any(line.role == "user" for line in newest):
        last = max(number for number, line in enumerate(lines) if line.role == "user")
        newest = lines[last:]
    now = begun.said_at.astimezone(zone(begun.user.timezone))
    return Prompt(
        instructions=instructions_for(now, begun.user.timezone, begun.priorities),
        lines=shown(newest),
        tools=_tools(),
        now=now,
        timezone=begun.user.timezone,
        priorities=begun.priorities,
        day_starts_at=f"{begun.user.day_starts_at:%H:%M}",
    )


@cache  # their schemas take some milliseconds
def _tools() -> list[Tool]:
    return [Tool(tool.name, tool.description, tool.schema) for tool in CHAT_TOOLS.values()]
