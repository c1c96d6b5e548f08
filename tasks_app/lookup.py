"""The priorities and tags that a request may name: each is asked for once, however many tasks name it."""

from collections.abc import Collection, Iterable
from functools import cached_property
from time import monotonic

from accounts_app.models import User
from tasks_app.models import Priority, Tag

# Nearly every task names a priority, and there are five. One that was there counts as there for so long; one
# that has been deleted meanwhile is caught by the foreign key (409), as one that is deleted right now.
_SEEN_SECONDS = 60.0
_seen_until: dict[int, float] = {}


class Lookup:
    """What one user may name, for the length of one request."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._tags: dict[int, Tag | None] = {}

    def has_priority(self, priority_id: int) -> bool:
        """Whether there is a priority of this id."""
        now = monotonic()
        if now >= _seen_until.get(priority_id, 0):
            there = {priority.pk for priority in self._priorities}
            _seen_until.pop(priority_id, None)
            _seen_until.update(dict.fromkeys(there, now + _SEEN_SECONDS))
            return priority_id in there
        return True

    def priority_named(self, name: str) -> Priority | None:
        """The priority of this name, without regard to case."""
        wanted = name.casefold()
        return next((found for found in self._priorities if found.name.casefold() == wanted), None)

    def load_tags(self, tag_ids: Iterable[int]) -> None:
        """Ask for these in advance, with one query."""
        if missing := set(tag_ids) - self._tags.keys():
            found = {tag.pk: tag for tag in Tag.objects.filter(user=self._user, pk__in=missing)}
            self._tags |= {pk: found.get(pk) for pk in missing}

    def tags(self, tag_ids: Collection[int]) -> list[Tag]:
        """The user's among these."""
        self.load_tags(tag_ids)
        return [tag for pk in sorted(set(tag_ids)) if (tag := self._tags[pk])]

    @cached_property
    def _priorities(self) -> list[Priority]:
        return list(Priority.objects.order_by("level"))
