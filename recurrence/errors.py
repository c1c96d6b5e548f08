"""Why a rule, a zone or a mode is refused. A leaf: it imports nothing of the project."""

from typing import Literal

Code = Literal[
    "too_long",
    "not_ascii",
    "unsupported",
    "field_count",
    "bad_syntax",
    "out_of_range",
    "bad_step",
    "range_order",
    "until_is_recurrence_end",
    "never_matches",
    "too_frequent",
    "unknown_rule",
    "bad_timezone",
    "mode_not_allowed",
    "needs_a_time",
]


class RuleError(ValueError):
    """A rule, zone or mode to change: `code` is for programs, the text says what would be right."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code: Code = code
        self.message = message

    def __str__(self) -> str:
        return self.message
