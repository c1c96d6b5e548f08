"""The priorities and tags that a request may name: each is asked for once, however many tasks name it."""

from collections.abc import Collection, Iterable
from functools import cached_property

from accounts_app.models import User
from tasks_app.models import Priority, Tag

# Ids of priorities that were there: nearly every task names one, and there are five. One that has been
# deleted since is caught by the foreign key (409), as one that is deleted right now.
_seen: set[int] = set()


class Vocabulary:
    """What one user may name, for the length of one request."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._tags: dict[int, Tag | None] = {}

    def has_priority(self, priority_id: int) -> bool:
        """Whether there is a priority of this id."""
        if priority_id not in _seen:
            _seen.update(priority.pk for priority in self._priorities)
        return priority_id in _seen

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
