"""What the arguments of tools have in common: ids, names, and times as people of a zone say them."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from chat_app.tools.tool import ToolError
from recurrence.rules import instant_of
from tasks_app.labelled import LARGEST_ID, MAX_TAGS

MOST_TASKS = 100  # of one call

TaskId = Annotated[int, Field(ge=1, le=LARGEST_ID, description="The id of a task, as list_tasks answers it.")]
TaskIds = Annotated[
    list[TaskId], Field(min_length=1, max_length=MOST_TASKS, description="The ids of tasks, from list_tasks.")
]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=1000)]
TagName = Annotated[str, Field(min_length=1, max_length=50)]
TagNames = Annotated[list[TagName], Field(max_length=MAX_TAGS)]
Time = Annotated[
    str,
    Field(
        max_length=40,
        description="A time by the clock of the user's zone, such as 2026-05-01T09:00. With a UTC offset or"
        " Z it is that instant.",
    ),
]
Day = Annotated[
    str, Field(max_length=10, description="A day in the user's zone, such as 2026-05-01: due all day.")
]
Offsets = Annotated[
    list[int],
    Field(max_length=10, description="Minutes before the task is due at which to remind. []: no reminder."),
]
PriorityName = Annotated[
    str, Field(max_length=50, description="The name of a priority: Low, Medium, High or Critical.")
]
Rule = Annotated[
    str,
    Field(
        max_length=255,
        description="daily, weekly, monthly, weekdays, cron:<5 fields> or rrule:<RFC 5545 rule>. It counts"
        " from the due time, so `monthly` on a task due on the 31st means the last day of shorter months.",
    ),
]
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")


def with_offset(text: str, zone: str, field: str) -> str:
    """The time with its UTC offset, if it is a local time of this zone; any other text as it is.

    Raises ToolError for a local time that the zone does not have.
    """
    if not _LOCAL.fullmatch(text):
        return text
    try:
        instant = instant_of(datetime.fromisoformat(text), zone)
    except ValueError:
        return text  # such as 31 February, which the services refuse with their own words
    if instant is None:
        raise ToolError.of("invalid", f"{zone} does not have this time. Choose another one.", field)
    return instant.isoformat()
