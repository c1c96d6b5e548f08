"""The priorities and tags that requests name, by ids and names.

Nearly every request names some that are there. So each question is one plain SELECT, and each is asked once,
however many tasks of a request name the same.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from django.db import transaction

from accounts_app.models import User
from database.prepared import prepared_cursor
from tasks_app import label_events
from tasks_app.labels import Tag
from tasks_app.quotas import Quota
from tasks_app.visible import key_of_name


class Lookup:
    """What one user may name, for the length of one request."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._tags: dict[int, bool] = {}
        self._tasks: dict[str, int | None] = {}
        self._named: dict[str, int | None] = {}
        self.quota = Quota(user)

    def has_priority(self, priority_id: int) -> bool:
        """Whether there is a priority of this id."""
        return any(pk == priority_id for _, pk in self._priorities)

    def priority_named(self, name: str) -> int | None:
        """The id of the priority of this name, without regard to case; of several the lowest level's."""
        wanted = name.casefold()
        return next((pk for known, pk in self._priorities if known == wanted), None)

    def load_external_ids(self, external_ids: Iterable[str]) -> set[int]:
        """Ask for these in advance, with one query; the ids of the tasks that have one of them."""
        if missing := set(external_ids) - self._tasks.keys():
            with prepared_cursor() as cursor:
                sql = "SELECT external_id, id FROM tasks WHERE user_id = %s AND external_id = ANY(%s)"
                cursor.execute(sql, [self._user.pk, list(missing)])
                self._tasks |= dict.fromkeys(missing) | dict(cursor.fetchall())
        return {pk for pk in self._tasks.values() if pk is not None}

    def task_of(self, external_id: str) -> int | None:
        """The id of the user's task with this id in another system."""
        self.load_external_ids([external_id])
        return self._tasks[external_id]

    def load_tags(self, tag_ids: Iterable[int]) -> None:
        """Ask for these in advance, with one query."""
        if missing := set(tag_ids) - self._tags.keys():
            with prepared_cursor() as cursor:
                sql = "SELECT id FROM tags WHERE user_id = %s AND id = ANY(%s)"
                cursor.execute(sql, [self._user.pk, list(missing)])
                found = {pk for (pk,) in cursor.fetchall()}
            self._tags |= {pk: pk in found for pk in missing}

    def tags(self, tag_ids: Collection[int]) -> set[int]:
        """The user's among these."""
        self.load_tags(tag_ids)
        return {pk for pk in tag_ids if self._tags[pk]}

    def load_tag_names(self, names: Iterable[str]) -> None:
        """Ask for these in advance, with one query."""
        missing = {key: name for name in names if (key := key_of_name(name)) not in self._named}
        if missing:
            self._named |= dict.fromkeys(missing) | _ids_by_key(self._user, missing)

    def new_tag_keys(self, names: Iterable[str]) -> set[str]:
        """The keys of these names of which there is no tag yet."""
        names = list(names)
        self.load_tag_names(names)
        return {key for name in names if self._named[key := key_of_name(name)] is None}

    @cached_property
    def _priorities(self) -> list[tuple[str, int]]:
        with prepared_cursor() as cursor:
            cursor.execute("SELECT name, id FROM priorities ORDER BY level")
            return [(name.casefold(), pk) for name, pk in cursor.fetchall()]


def tags_named(user: User, names: Iterable[str], *, quota: Quota | None = None) -> dict[str, int]:
    """The ids of the user's tags of these names, by name; new ones are made, one for all forms of a name.

    `quota` is that of the request. Raises QuotaReached (409), ValidationError (400).
    """
    quota = quota or Quota(user)
    keys = {name: key_of_name(name) for name in names}
    first = {key: name for name, key in reversed(keys.items())}
    found = _ids_by_key(user, first)
    while new := sorted(first.keys() - found.keys()):  # again, if one that was there is deleted meanwhile
        quota.take(tag_keys=new)
        # In one order: two requests that make the same ones would else wait for each other.
        _create(user, {key: first[key] for key in new})
        found = _ids_by_key(user, first)
    return {name: found[key] for name, key in keys.items()}


def _create(user: User, names: Mapping[str, str]) -> None:
    """Create the tags of these keys and names that do not exist, with their events, by one statement."""
    new = Tag(user=user)
    with transaction.atomic(savepoint=False), prepared_cursor() as cursor:
        values: list[Any] = [user.pk, new.color, new.created_at, list(names), list(names.values())]
        cursor.execute(_CREATE_TAGS, values)
        made = [Tag(pk=pk, user=user, name=name) for pk, name in cursor.fetchall()]
        label_events.record(made, "created")


def _ids_by_key(user: User, names: Mapping[str, str]) -> dict[str, int]:
    """The ids by key. A tag that an older release wrote has no key: its name is looked up as it is."""
    with prepared_cursor() as cursor:
        cursor.execute(_TAGS_NAMED, [user.pk, list(names), list(names.values())])
        return {key or key_of_name(name): pk for name, key, pk in cursor.fetchall()}


_CREATE_TAGS = """
    INSERT INTO tags (user_id, color, created_at, name_key, name)
    SELECT %s, %s, %s, * FROM unnest(%s::text[], %s::text[])
    ON CONFLICT DO NOTHING RETURNING id, name
"""
_TAGS_NAMED = """
    SELECT name, name_key, id FROM tags
    WHERE user_id = %s AND (name_key = ANY(%s) OR name_key IS NULL AND name = ANY(%s)) ORDER BY id DESC
"""
