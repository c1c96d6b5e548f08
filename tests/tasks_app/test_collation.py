"""The compact table of weights gives pyuca's own sort keys."""

from pathlib import Path

import pyuca
from hypothesis import given, settings
from hypothesis import strategies as st
from pyuca import Collator

from tasks_app.collation import CompactCollator

PYUCA = Collator()
COMPACT = CompactCollator()
LINES = (
    Path(pyuca.__file__)
    .with_name(f"allkeys-{Collator.UCA_VERSION}.txt")
    .read_text(encoding="utf-8")
    .splitlines()
)
TEXTS = [
    "".join(chr(int(number, 16)) for number in line.split(";")[0].split())
    for line in LINES
    if line and line[0] not in "#@"
]


def test_each_character_has_its_weights() -> None:
    assert len(TEXTS) > 30_000
    assert [text for text in TEXTS if COMPACT.sort_key(text) != PYUCA.sort_key(text)] == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(TEXTS), st.characters()), max_size=6).map("".join))
def test_any_text_has_its_weights(text: str) -> None:
    assert COMPACT.sort_key(text) == PYUCA.sort_key(text)


def test_characters_without_a_line_have_their_weights() -> None:
    for text in ("\U00017000", "今日", "\U0010ffff", ""):
        assert COMPACT.sort_key(text) == PYUCA.sort_key(text)
