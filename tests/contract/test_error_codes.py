"""docs/errors.md names every code there is; what is really answered is held against it in test_bad_input."""

from typing import get_args

from recurrence.rules import Code
from tests.contract.error_codes import documented, raised


def test_every_code_of_ours_is_told() -> None:
    untold = {code: file for code, file in raised().items() if code not in documented()}
    assert not untold, "say in docs/errors.md when these come"


def test_every_code_of_rules_is_told() -> None:
    assert set(get_args(Code)) <= documented()


def test_the_search_finds_codes_of_each_kind() -> None:
    """By keyword, by place, and as the default of a class."""
    assert {"past", "bad_step", "unknown_field", "in_use", "stale"} <= set(raised())
