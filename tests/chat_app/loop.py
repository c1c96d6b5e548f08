"""The loop of a turn without threads, for tests of what is said and done."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from accounts_app.models import User
from chat_app.language_models import Answer, Prompt
from chat_app.offline.model import answer_to
from chat_app.turns.beginning import Begun, begin
from chat_app.turns.loop import prompt_for
from chat_app.turns.steps import Done, carry_out, end_waiting, store_answer


def turn(
    user: User, message: str, conversation: Any = None, *, model: Callable[[Prompt], Answer] = answer_to
) -> dict[str, Any]:
    """What the model answers, the offline one by default, with all its steps carried out."""
    begun = begin(user, message, conversation_id=conversation and UUID(str(conversation)))
    assert isinstance(begun, Begun)
    lines, done = list(begun.lines), Done()
    for _ in range(8):
        answer = model(prompt_for(begun, lines))
        done.texts.append(answer.text)
        result = None if answer.calls else done.as_answer(begun)
        lines.append(store_answer(begun, answer, result=result))
        if result:
            return result
        for call in answer.calls:
            step = carry_out(begun, call)
            lines.append(step.line)
            done.actions.append(step.action)
            if step.confirmation:
                done.confirmations.append(step.confirmation)
        if done.confirmations:
            result = done.as_answer(begun)
            end_waiting(begun, result)
            return result
    raise AssertionError("the model never comes to an end")
