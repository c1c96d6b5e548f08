"""Errors of turns. Those of the language model: chat_app/language_models.py."""

from rest_framework import status
from rest_framework.exceptions import APIException

from http_app.errors import Conflict, TooManyAtOnce, Unavailable


class TurnRunning(Conflict):
    """409: the conversation has a turn already, or the message with this key is being answered."""

    default_code = "turn_running"
    default_detail = (
        "The assistant is still answering in this conversation. Wait for it, or cancel it with"
        " POST /api/conversations/{id}/cancel."
    )


class TurnCancelled(Conflict):
    """409: its user cancelled the turn. What it had done stays."""

    default_code = "turn_cancelled"
    default_detail = "This turn was cancelled. What it had done before stays, and can be undone."


class TurnUndone(Conflict):
    """409: its user has undone the turn, so it does not go on."""

    default_code = "turn_undone"
    default_detail = "This turn was undone. To have it done again, send the message with another key."


class TooManyTurns(TooManyAtOnce):
    """429: the user has ASSISTANT_TURNS_PER_USER turns running in this process."""

    default_code = "too_many_turns"
    default_detail = "The assistant is answering you in other conversations. Wait for one of them to end."
    wait = 5  # DRF's name for Retry-After, seconds


class DayUsedUp(APIException):
    """429: the user has used what the assistant does for one user in a day."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "assistant_limit"

    def __init__(self, what: str, wait: int) -> None:
        super().__init__(f"You have used your {what} of the assistant for today (UTC). Go on tomorrow.")
        self.wait = wait


class AssistantFull(Unavailable):
    """503: this process has ASSISTANT_TURNS turns running, or is shutting down."""

    default_code = "assistant_full"
    default_detail = "The assistant has too much to do at the moment. Try again."


class TurnInterrupted(Unavailable):
    """503: the process of the turn stopped or died."""

    default_code = "turn_interrupted"
    default_detail = (
        "The turn was interrupted. What it had done before stays. Send your message again with the same"
        " Idempotency-Key, and it goes on from there."
    )


class TurnTooLong(Unavailable):
    """503: the turn took longer, or asked the model more often, than it may."""

    default_code = "turn_too_long"
    default_detail = "This took the assistant too long. What it had done before stays. Ask for less at once."
