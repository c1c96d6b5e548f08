"""What a user may use of the assistant in a day (UTC). It is counted in a table, where a deletion does not
give it back."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from chat_app.exceptions import DayUsedUp
from chat_app.models import DayOfUse

_COUNT = """
    INSERT INTO assistant_use (user_id, day, turns, tokens) VALUES (%s, %s, %s, %s)
    ON CONFLICT (user_id, day) DO UPDATE
    SET turns = assistant_use.turns + excluded.turns, tokens = assistant_use.tokens + excluded.tokens
"""


def check_limits(user_id: UUID) -> None:
    """Raises DayUsedUp (429) if the user has used up the turns or the tokens of today."""
    used = DayOfUse.objects.filter(user=user_id, day=today()).first()
    if used is None:
        return
    for name, count, limit in (
        ("turns", used.turns, settings.ASSISTANT_TURNS_PER_DAY),
        ("tokens", used.tokens, settings.ASSISTANT_TOKENS_PER_DAY),
    ):
        if limit and count >= limit:
            raise DayUsedUp(f"{limit} {name}", _seconds_left())


def count_use(user_id: UUID, *, turns: int = 0, tokens: int = 0) -> None:
    """Count what is used now."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [user_id, today(), turns, tokens])


def today() -> date:
    """The day that is counted, of UTC."""
    return timezone.now().date()


def _seconds_left() -> int:
    now = timezone.now()
    end = datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=now.tzinfo)
    return max(1, int((end - now).total_seconds()))
