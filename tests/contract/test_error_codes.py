"""docs/errors.md lists every error code. test_bad_input checks real answers against it."""

from typing import get_args

from recurrence.rules import Code
from tests.contract.error_codes import documented, raised


def test_every_code_of_ours_is_documented() -> None:
    missing = {code: file for code, file in raised().items() if code not in documented()}
    assert not missing, "describe these in docs/errors.md"


def test_every_code_of_rules_is_documented() -> None:
    assert set(get_args(Code)) <= documented()


def test_the_search_finds_codes_of_each_kind() -> None:
    """By keyword, by place, and as the default of a class."""
    assert {"past", "bad_step", "unknown_field", "in_use", "stale"} <= set(raised())
