"""An assistant that calls tools as a test says, without a model."""

from itertools import count
from typing import Any

from django.utils import timezone

from accounts_app.models import User
from chat_app.confirmations import confirm
from chat_app.models import Confirmation, Conversation, Turn
from chat_app.tools.calling import call
from chat_app.tools.tool import NeedsConfirmation, TurnContext


class Assistant:
    """A conversation of a user. `call` is a step of its present turn; `new_turn` begins another one."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.conversation = Conversation.objects.create(user=user)
        self._numbers = count(1)
        self.turn = self.new_turn()

    def new_turn(self) -> Turn:
        Turn.objects.filter(conversation=self.conversation, state="running").update(state="done")
        self.turn = Turn.objects.create(user=self.user, conversation=self.conversation)
        return self.turn

    def end_turn(self) -> None:
        Turn.objects.filter(pk=self.turn.pk).update(state="done")

    def call(self, tool: str, call_id: str = "", **arguments: Any) -> dict[str, Any]:
        """The answer of a call that needs no confirmation."""
        answer = self.ask(tool, call_id, **arguments)
        assert not isinstance(answer, NeedsConfirmation), answer.confirmation.words
        return dict(answer.data)

    def ask(self, tool: str, call_id: str = "", **arguments: Any) -> Any:
        return self.raw(tool, arguments, call_id)

    def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a call; if it asks, its user allows it."""
        answer = self.ask(tool, **arguments)
        if isinstance(answer, NeedsConfirmation):
            return confirm(self.user, answer.confirmation.pk).result or {}
        return dict(answer.data)

    def raw(self, tool: Any, arguments: Any, call_id: str = "") -> Any:
        """The answer to whatever a model may send."""
        context = TurnContext(self.user, self.turn, timezone.now())
        return call(context, tool, arguments, call_id=call_id or f"call-{next(self._numbers)}")

    def question(self, tool: str, call_id: str = "", **arguments: Any) -> Confirmation:
        """What a call that needs a confirmation asks."""
        answer = self.ask(tool, call_id, **arguments)
        assert isinstance(answer, NeedsConfirmation), answer
        return answer.confirmation
