"""The priorities and tags that requests name, by ids and names.

Nearly every request names some that are there. So each question is one plain SELECT, and each is asked once,
however many tasks of a request name the same.
"""

from collections.abc import Collection, Iterable
from functools import cached_property

from django.db import connection

from accounts_app.models import User
from tasks_app.labels import Tag


class Lookup:
    """What one user may name, for the length of one request."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._tags: dict[int, bool] = {}

    def has_priority(self, priority_id: int) -> bool:
        """Whether there is a priority of this id."""
        return any(pk == priority_id for _, pk in self._priorities)

    def priority_named(self, name: str) -> int | None:
        """The id of the priority of this name, without regard to case; of several the lowest level's."""
        wanted = name.casefold()
        return next((pk for known, pk in self._priorities if known == wanted), None)

    def load_tags(self, tag_ids: Iterable[int]) -> None:
        """Ask for these in advance, with one query."""
        if missing := set(tag_ids) - self._tags.keys():
            with connection.cursor() as cursor:
                sql = "SELECT id FROM tags WHERE user_id = %s AND id = ANY(%s)"
                cursor.execute(sql, [self._user.pk, list(missing)])
                found = {pk for (pk,) in cursor.fetchall()}
            self._tags |= {pk: pk in found for pk in missing}

    def tags(self, tag_ids: Collection[int]) -> set[int]:
        """The user's among these."""
        self.load_tags(tag_ids)
        return {pk for pk in tag_ids if self._tags[pk]}

    @cached_property
    def _priorities(self) -> list[tuple[str, int]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, id FROM priorities ORDER BY level")
            return [(name.casefold(), pk) for name, pk in cursor.fetchall()]


def tags_named(user: User, names: Iterable[str]) -> dict[str, int]:
    """The ids of the user's tags of these names, by name; new ones are made."""
    wanted = set(names)
    found = _ids_by_name(user, wanted)
    while new := wanted - found.keys():  # again, if one that was there is deleted before it is read
        # In one order: two requests that make the same ones would else wait for each other.
        Tag.objects.bulk_create([Tag(user=user, name=name) for name in sorted(new)], ignore_conflicts=True)
        found = _ids_by_name(user, wanted)
    return found


def _ids_by_name(user: User, names: Collection[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        sql = "SELECT name, id FROM tags WHERE user_id = %s AND name = ANY(%s)"
        cursor.execute(sql, [user.pk, list(names)])
        return dict(cursor.fetchall())
