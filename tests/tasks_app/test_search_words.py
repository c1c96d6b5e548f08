# ruff: noqa: RUF001 - what people type
"""Search finds every word that people see in a title or description."""

import json
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.services import create_task, update_task
from tasks_app.words import query, vector

pytestmark = pytest.mark.django_db
PROBES = json.loads(Path(__file__).with_name("search_probes.json").read_text())
SOMEONE = UUID(int=7)


def finds(q: str, title: str, description: str | None = None) -> bool:
    with connection.cursor() as cursor:
        words = vector(SOMEONE, 1, title, description)
        cursor.execute("SELECT %s::tsvector @@ %s::tsquery", [words, query(SOMEONE, q)])
        return bool(cursor.fetchone()[0])


@pytest.fixture
def search(alice: User, client_of: Callable[[User], APIClient]) -> Callable[[str], list[str]]:
    client = client_of(alice)
    return lambda q: [task["title"] for task in client.get("/api/tasks", {"q": q}).json()["results"]]


def test_every_probe_is_found() -> None:
    asked = [(probe["q"], probe["title"], probe.get("description")) for probe in PROBES]
    assert [probe for probe in asked if not finds(*probe)] == []
    assert len(asked) == 99


def test_the_list_is_searched_so(alice: User, search: Callable[[str], list[str]]) -> None:
    for title in ("rent/utilities", "今日はいい天気です", "Café", "unrelated"):
        create_task(alice, title=title)
    assert [search(q) for q in ("utilities", "天気", "cafe")] == [
        ["rent/utilities"],
        ["今日はいい天気です"],
        ["Café"],
    ]


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Call O’Brien", "brien"),
        ("Visiter l'école", "école"),
        ("rock'n'roll", "rocknroll"),
        ("parseXMLFile", "xmlfile"),
        ("iPhone15 case", "15"),
        ("co\u00adoperate", "cooperate"),
        ("Ｃafe ＡＢＣ", "abc"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("Łódź i Gdańsk", "lodz"),
        ("Smørrebrød", "smorrebrod"),
        ("πλάνο", "ΠΛΑΝΟ"),
        ("किताब पढ़ना", "किताब"),
        ("🎂 for Zoë", "🎂"),
        ("👍🏽 done", "👍"),
        ("牛奶milk", "牛奶milk"),
        ("milk牛奶", "milk"),
        ("天", "天"),
        ("issue#12", "12"),
        ("F# and B+", "f#"),
        ("user+tag", "user+"),
        ("C", "c++"),
        ("a" * 150, "a" * 149),
    ],
)
def test_words_of_many_kinds(title: str, q: str) -> None:
    assert finds(q, title)


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("2.10.3", "3.10"),
        ("rent or utilities", "rent/utilities"),
        ("Deploy on 2027-05-02", "2027-05-01"),
        ("今日は天気", "天今"),
        ("C# notes", "c++ code"),
        ("cafe", "caffe"),
        ("utilities", "tilities"),
        ("rent", "rent/utilities"),
    ],
)
def test_what_is_not_there(title: str, q: str) -> None:
    assert not finds(q, title)


def test_a_phrase_does_not_go_from_the_title_into_the_description() -> None:
    assert not finds("rent/utilities", "rent", "utilities")
    assert finds("rent utilities", "rent", "utilities")


def test_the_exact_word_comes_before_one_with_another_accent(
    alice: User, search: Callable[[str], list[str]]
) -> None:
    for title in ("cafe", "café", "cafe", "café"):
        create_task(alice, title=title)
    assert search("cafe") == ["cafe", "cafe", "café", "café"]
    assert search("café") == search("cafe\u0301") == ["café", "café", "cafe", "cafe"]


def test_a_change_of_the_text_is_found_and_the_old_text_no_more(
    alice: User, search: Callable[[str], list[str]]
) -> None:
    task = create_task(alice, title="milk")
    update_task(task, title="Milk")  # the same words
    assert search("milk") == ["Milk"]
    update_task(task, title="bread", description="of rye")
    assert (search("milk"), search("rye")) == ([], ["bread"])
    update_task(task, description=None)
    assert (search("bread"), search("rye")) == (["bread"], [])


_LETTERS = st.characters(categories=("L", "N"))
_WORD = st.text(_LETTERS, min_size=1, max_size=8)
_BETWEEN = st.sampled_from(["-", ".", "/", "_", "@", ":", "’", "'", "+", "--", "::", "/?="])
_SEPARATORS = [" ", "\n", "/", ".", ",", "(", ")", '"', "“", "-", "_", "@", "=", "&", "\\"]
# An apostrophe between two letters joins them, and of a word of many parts only the whole is found.
_BEFORE, _AFTER = st.sampled_from([*_SEPARATORS, " '", " ’"]), st.sampled_from([*_SEPARATORS, "' ", "’ "])


@st.composite
def _odd_tokens(draw: st.DrawFn) -> str:
    token = draw(_WORD)
    for _ in range(draw(st.integers(0, 3))):
        token += draw(_BETWEEN) + draw(_WORD)
    return token + draw(st.sampled_from(["", "", "", "++", "#"]))


_FORM = st.sampled_from(["NFC", "NFD"])
# Drawing odd text is slow where the machine is busy, which says nothing about search.
SOME_TEXTS = settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SOME_TEXTS
@given(
    token=_odd_tokens(),
    around=st.tuples(st.text(max_size=12), _BEFORE, _AFTER, st.text(max_size=12)),
    forms=st.tuples(_FORM, _FORM),
)
def test_a_title_is_found_by_any_token_in_it(
    token: str, around: tuple[str, str, str, str], forms: tuple[str, str]
) -> None:
    before, left, right, after = around
    assume(query(SOMEONE, token))
    title = normalize(forms[0], f"{before}{left}{token}{right}{after}")
    assert finds(normalize(forms[1], token), title)
    assert finds(token.casefold(), title)


@SOME_TEXTS
@given(text=st.text(max_size=60), q=st.text(max_size=60))
def test_any_text_is_a_text_and_a_search(text: str, q: str) -> None:
    if query(SOMEONE, q):
        finds(q, text, text)
