"""A message is split into commands, and each is read by its verb."""

import re
from collections.abc import Callable

from chat_app.language_models import Prompt
from chat_app.offline import asking, changing, timing
from chat_app.offline.saying import Choice, Said, Script

Reader = Callable[[re.Match[str], Prompt], Script]

_POLITE = re.compile(
    r"^(?:please|could you|can you|would you|will you|hey|hi|hello|ok|okay|now|also|just|and|then|i want to"
    r"|i'd like to|i need to)[,]?\s+",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?:[,]?\s+please)?\s*[.!]*$", re.IGNORECASE)
_VERBS = (
    "add|create|list|show|complete|finish|check off|tick off|mark|reopen|delete|remove|restore|move"
    "|reschedule|postpone|push|snooze|tag|untag|set|make|repeat|stop|skip|rename|pin|unpin|archive"
    "|remind me (?:of|about|to)"
)
_BETWEEN = re.compile(
    rf"(?:\s*[;\n]\s*|\s*[.!]\s+|\s*,?\s+and\s+then\s+|\s*,?\s+then\s+|\s*,?\s+and\s+(?:also\s+)?|\s*,\s+)"
    rf"(?=(?:please\s+)?(?:{_VERBS})\b)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_MOST_COMMANDS = 10
_NO = r"(?:thanks|thank\s+you|never\s*mind|no|nothing|stop|cancel)"
_AFTER_NO = rf"(?:{_NO}|it|that|all|for|very|so|a|much|lot|then)"

_READERS: list[tuple[str, Reader]] = [
    # Those with more words first: `add the tag` is not `add`.
    (r"(?:add|put)\s+(?:the\s+)?tags?\s+(?P<tags>.+?)\s+(?:to|on)\s+(?P<what>.+)", changing.tag),
    (r"(?:remove|take)\s+(?:the\s+)?tags?\s+(?P<tags>.+?)\s+(?:from|off)\s+(?P<what>.+)", changing.untag),
    (r"tag\s+(?P<what>.+?)\s+(?:with|as)\s+(?P<tags>.+)", changing.tag),
    (r"tag\s+(?P<what>.+?)\s+(?P<tags>#\S.*)", changing.tag),
    (r"untag\s+(?P<what>.+?)\s+(?P<tags>#\S.*)", changing.untag),
    (
        r"(?:set|change|put)\s+(?:the\s+)?priority\s+of\s+(?P<what>.+?)\s+(?:to|at)\s+(?P<priority>\S+)",
        changing.prioritise,
    ),
    (
        r"(?:make|give|mark)\s+(?P<what>.+?)\s+(?:a\s+|as\s+)?(?P<priority>\w+)\s+priority",
        changing.prioritise,
    ),
    (r"(?:make|set|mark)\s+(?P<what>.+?)\s+(?:as\s+)?(?P<priority>!\w+)", changing.prioritise),
    (r"make\s+(?P<what>.+?)\s+(?:repeat|recur)\s+(?P<rule>.+)", timing.repeat),
    (
        r"repeat\s+(?P<what>.+?)\s+(?P<rule>(?:every|each|daily|weekly|monthly|on\s+weekdays)\b.*)",
        timing.repeat,
    ),
    (r"(?:stop|end)\s+(?:repeating|recurring)\s+(?P<what>.+)", timing.stop_repeating),
    (r"skip\s+(?P<what>.+)", timing.skip),
    (r"mark\s+(?P<what>.+?)\s+(?:as\s+)?(?:not\s+done|undone|open|incomplete)", changing.reopen),
    (r"(?:reopen|re-open|uncomplete)\s+(?P<what>.+)", changing.reopen),
    (r"mark\s+(?P<what>.+?)\s+(?:as\s+)?(?:done|complete|completed|finished)", changing.complete),
    (r"(?:complete|finish|check\s+off|tick\s+off)\s+(?P<what>.+)", changing.complete),
    (r"i(?:\s+have|'ve)?\s+(?:already\s+)?(?:did|done|finished|completed)\s+(?P<what>.+)", changing.complete),
    (r"(?P<what>.+?)\s+(?:is|are)\s+(?:done|finished)", changing.complete),
    (r"(?:restore|undelete|recover)\s+(?P<what>.+?)(?:\s+from\s+(?:the\s+)?trash)?", changing.restore),
    (r"(?:delete|remove|trash)\s+(?P<what>.+)", changing.delete),
    (r"rename\s+(?P<what>.+?)\s+to\s+(?P<title>.+)", changing.rename),
    (r"(?P<verb>pin|unpin|archive|unarchive)\s+(?P<what>.+)", changing.flag),
    (r"(?:move|reschedule|postpone|push|shift)\s+(?P<rest>.+)", timing.move),
    (r"snooze\s+(?P<rest>.+)", timing.snooze),
    (r"remind\s+me\s+(?:of|about)\s+(?P<rest>.+)", timing.remind_of),
    (r"(?P<rest>remind\s+me\s+.+)", changing.add),
    (
        r"(?:add|create|new)\s+(?:(?:a|another)\s+)?(?:new\s+)?(?:task|to-?do|reminder)\s*"
        r"(?::|\bto\b|\bcalled\b|\bnamed\b)?\s*(?P<rest>.+)",
        changing.add,
    ),
    (
        r"(?:add|create|new|to-?do:?)\s+(?P<rest>.+?)(?:\s+to\s+(?:my|the)\s+(?:to-?do\s+)?list)?",
        changing.add,
    ),
    (r"(?:list|show(?:\s+me)?)\s+(?:all\s+)?(?:my\s+|the\s+)?tags", asking.tags),
    (r"why\s+did(?:n't|\s+not)?\s+(?P<what>.+?)\s+(?:ring|remind\s+me)\??", asking.why),
    (r"(?:find|search(?:\s+for)?|look\s+for)\s+(?P<words>.+)", asking.search),
    (
        r"(?:list|show(?:\s+me)?|what(?:'s|\s+is|\s+are|\s+do\s+i\s+have|\s+have\s+i\s+got)?|which|do\s+i\s+have)"
        r"\b\s*(?P<rest>.*)",
        asking.show,
    ),
    (r"(?:help|what\s+can\s+you\s+do|hello|hi|hey)\b.*", asking.help_),
    (rf"{_NO}(?:[\s,.!]+{_AFTER_NO})*[\s,.!]*", asking.nothing),
    (r"undo\b.*", asking.undo),
]
_COMPILED = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), reader) for pattern, reader in _READERS]


def read(message: str, prompt: Prompt) -> list[Script]:
    """A script for each command of the message."""
    parts = _parts(message)
    if len(parts) > _MOST_COMMANDS:
        return [_saying(Said(f"That is more than {_MOST_COMMANDS} things at once. Say a few at a time."))]
    return [_script(part, prompt) for part in parts]


def _script(part: str, prompt: Prompt) -> Script:
    for pattern, reader in _COMPILED:
        if found := pattern.fullmatch(part):
            return reader(found, prompt)
    return _saying(
        Said(
            f"I did not understand “{part}”. {asking.WHAT_I_CAN}",
            [Choice(f"Add the task “{part}”", f"add {part}"), Choice(f"Search for “{part}”", f"find {part}")]
            if len(part) <= 200
            else [],
        )
    )


def _parts(message: str) -> list[str]:
    """The commands, without words of politeness. What is in quotes is not split."""
    quotes: list[str] = []

    def hide(found: re.Match[str]) -> str:
        quotes.append(found[0])
        return f"\0{len(quotes) - 1}\0"

    hidden = _QUOTED.sub(hide, message.replace("\0", " ").strip())
    parts = [_bare(part) for part in _BETWEEN.split(hidden)]
    shown = [re.sub(r"\0(\d+)\0", lambda found: quotes[int(found[1])], part) for part in parts if part]
    return shown or [message.strip()]


def _bare(part: str) -> str:
    while (shorter := _POLITE.sub("", part.strip(), count=1)) != part.strip():
        part = shorter
    return _AFTER.sub("", part).strip().removesuffix("?").strip() or part


def _saying(said: Said) -> Script:
    return said
    yield  # a generator
