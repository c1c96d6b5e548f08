"""Answers a prompt by rules.

Each command is a script: a generator that wants a tool called, gets the result, and at last says something.
It keeps nothing between two answers: it runs again from the beginning, and finds in the conversation the
results that it wanted before. So the same loop, the same tools and the same confirmations carry it.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from chat_app.history import NOT_CARRIED_OUT
from chat_app.language_models import Answer, Line, Prompt, ToolCall
from chat_app.offline.commands import read
from chat_app.offline.saying import Said, Script, Want, chosen, numbered

_FORM = "offline-1"


class OfflineModel:
    name = "offline"

    async def answer(self, prompt: Prompt) -> AsyncIterator[str | Answer]:
        """As LanguageModel.answer. It raises nothing."""
        found = answer_to(prompt)
        if found.text:
            yield found.text
        yield found

    async def close(self) -> None:
        """There is nothing to close."""


def answer_to(prompt: Prompt) -> Answer:
    """The calls that the commands want next, or what there is to say."""
    message, results = _this_turn(prompt.lines)
    wanted: list[Want] = []
    said: list[Said] = []
    for script in read(_resolved(message, prompt.lines), prompt):
        outcome = _advance(script, results)
        if isinstance(outcome, Want):
            wanted.append(outcome)
        else:
            said.append(outcome)
    if wanted:
        # All commands at once: one that waits for a confirmation does not hold up the others.
        return Answer("", [ToolCall(f"call_{uuid4().hex}", want.tool, want.arguments) for want in wanted])
    choices = [choice for one in said for choice in one.choices]
    text = "\n\n".join(one.text for one in said)
    if choices:
        text += "\n" + numbered([choice.label for choice in choices])
    return Answer(text, provider_state={"form": _FORM, "choices": [choice.message for choice in choices]})


def _advance(script: Script, results: dict[str, list[dict[str, Any]]]) -> Want | Said:
    """Run the script as far as there are results."""
    try:
        want = next(script)
        while known := results[_key(want.tool, want.arguments)]:
            want = script.send(known.pop(0))
    except StopIteration as end:
        said: Said = end.value
        return said
    script.close()
    return want


def _this_turn(lines: Sequence[Line]) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The user's message, and the results since, by what was called."""
    last = max(number for number, line in enumerate(lines) if line.role == "user")
    calls = {call.id: call for line in lines[last:] for call in line.calls}
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines[last:]:
        call = calls.get(line.call_id)
        if line.role == "tool" and call and line.content != NOT_CARRIED_OUT:
            results[_key(call.name, call.arguments)].append(_data(line.content))
    return lines[last].content, results


def _resolved(message: str, lines: Sequence[Line]) -> str:
    """The message; where it is only a number, the choice of that number in the question before."""
    number = chosen(message)
    said = next((line for line in reversed(lines) if line.role == "assistant" and not line.calls), None)
    if number is None or said is None:
        return message
    state = said.provider_state or {}
    choices = state.get("choices") or [] if state.get("form") == _FORM else []
    return choices[number - 1] if 1 <= number <= len(choices) else message


def _key(tool: str, arguments: Any) -> str:
    return json.dumps([tool, arguments], sort_keys=True)


def _data(content: str) -> dict[str, Any]:
    try:
        data = json.loads(content)
    except ValueError:
        return {"waiting": True}
    return data if isinstance(data, dict) else {}
