"""The priorities and tags that a request names are asked for once, however often it names them."""

from typing import Any

import pytest
from django.db import connection

from accounts_app.models import User
from tasks_app.lookup import Lookup, tags_named
from tasks_app.models import Priority, Tag

pytestmark = pytest.mark.django_db


def test_priorities_are_asked_for_once_and_as_they_are_now(
    alice: User, django_assert_num_queries: Any
) -> None:
    priority = Priority.objects.create(name="Someday", level=5, color="#123456")
    pk = priority.pk
    with django_assert_num_queries(1):
        lookup = Lookup(alice)
        assert lookup.has_priority(pk)
        assert lookup.priority_named("sOMEDAY") == pk
        assert lookup.priority_named("never") is None
    priority.delete()
    assert not Lookup(alice).has_priority(pk)


def test_priorities_whose_names_differ_in_case_only_are_all_known(alice: User) -> None:
    high = Priority.objects.get(name="High")
    shouted = Priority.objects.create(name="HIGH", level=5, color="#123456")
    lookup = Lookup(alice)
    assert lookup.has_priority(high.pk)
    assert lookup.has_priority(shouted.pk)
    assert lookup.priority_named("high") == high.pk


def test_tags_are_asked_for_once(alice: User, bob: User, django_assert_num_queries: Any) -> None:
    mine, hers = (Tag.objects.create(user=user, name="home").pk for user in (alice, bob))
    lookup = Lookup(alice)
    with django_assert_num_queries(1):
        assert lookup.tags([mine, hers]) == {mine}
        assert lookup.tags([hers]) == set()


def test_names_that_are_there_take_one_query(alice: User, django_assert_num_queries: Any) -> None:
    made = tags_named(alice, ["home", "garden", "home"])
    assert made.keys() == {"home", "garden"}
    with django_assert_num_queries(1):
        assert tags_named(alice, ["garden"]) == {"garden": made["garden"]}
    assert Tag.objects.count() == 2


def test_a_name_whose_tag_is_deleted_at_the_same_moment_is_made_again(alice: User) -> None:
    """It is there when the insert finds that it is, and gone when its id is read."""
    inserts = []

    def come_and_go(execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.strip().startswith("INSERT INTO tags") or "ON CONFLICT" not in sql:
            return execute(sql, *rest)
        inserts.append(sql)
        theirs = Tag.objects.create(user=alice, name="home") if len(inserts) == 1 else None
        done = execute(sql, *rest)
        if theirs:
            theirs.delete()
        return done

    with connection.execute_wrapper(come_and_go):
        assert tags_named(alice, ["home"]) == {"home": Tag.objects.get().pk}
    assert len(inserts) == 2
