"""ordering=title is the order in which people sort titles, on every cluster."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyuca import Collator
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.services import create_task, update_task
from tasks_app.title_order import LONGEST, title_key

COLLATOR = Collator()
SORTED = [
    "(draft) invoice",
    "2 pears",
    "äpfel",
    "apple",
    "Apple",
    "banana",
    "Zebra",
    "zoo",
    "Ёлка",
    "ель",
    "今日",
]


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def titles(client: APIClient, query: str) -> list[str]:
    return [task["title"] for task in client.get(f"/api/tasks?{query}").json()["results"]]


@pytest.mark.django_db
def test_a_list_in_the_order_of_people(client: APIClient, alice: User) -> None:
    for title in Random(7).sample(SORTED, len(SORTED)):
        create_task(alice, title=title)
    assert titles(client, "ordering=title") == SORTED
    assert titles(client, "ordering=-title") == SORTED[::-1]
    assert titles(client, "ordering=title,created_at") == SORTED


@pytest.mark.django_db
def test_a_changed_title_has_another_place(client: APIClient, alice: User) -> None:
    first, second = (create_task(alice, title=title) for title in ("a", "b"))
    update_task(first, title="c")
    assert titles(client, "ordering=title") == [second.title, "c"]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=12), st.text(st.characters(codec="ascii"), max_size=12)))
def test_a_key_sorts_as_the_algorithm_says(text: str) -> None:
    weights = title_key(text).encode("utf-32-be")
    assert b"\0\0\0\0" not in [weights[at : at + 4] for at in range(0, len(weights), 4)]
    assert len(title_key(text)) == len(COLLATOR.sort_key(text)[:LONGEST])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=8), st.text(st.characters(codec="ascii"), max_size=8)), max_size=6)
)
def test_texts_sort_by_it(texts: list[str]) -> None:
    by_bytes = sorted(texts, key=lambda text: title_key(text).encode())  # as collation "C" compares
    assert by_bytes == sorted(texts, key=COLLATOR.sort_key)


def test_a_long_title_of_the_widest_characters_fits_into_the_index() -> None:
    assert len(title_key("\ufdfa" * 200).encode()) <= LONGEST * 4
