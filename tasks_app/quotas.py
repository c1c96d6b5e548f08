"""What a user may still create: TASKS_PER_USER (with the trash), TAGS_PER_USER, and new tags of one request.

Only what callers create is refused. Restored tasks, next occurrences and what templates make count, and pass.
Requests that run at the same time may pass a quota by a little.
Source: docs/decisions/0030-bounds-of-one-user.md.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError

from accounts_app.models import User
from database.prepared import prepared_cursor

MAX_NEW_TAGS = 1_000  # of one request
# Twice as fast as the limits of writes and of operations let a user create tasks.
_CREATED_A_SECOND = 200
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1, 600
_USERS_KEPT = 10_000


class QuotaReached(APIException):
    """409: the user has as many of these as one user may have."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "quota"

    @classmethod
    def of_tasks(cls, quota: int) -> "QuotaReached":
        return cls(
            f"You would have more than {quota} tasks, the maximum; those in the trash count. Delete some for"
            " good with DELETE /api/tasks/{id}?permanent=true."
        )

    @classmethod
    def of_tags(cls, quota: int) -> "QuotaReached":
        return cls(f"You would have more than {quota} tags, the maximum. Delete some, or use those you have.")


class Quota:
    """What one request of a user may still create."""

    def __init__(self, user: User) -> None:
        self._user_id = user.pk
        self._new_tasks = 0
        self._new_tags: set[str] = set()
        self._stored_tasks: int | None = None
        self._stored_tags: int | None = None
        self._is_exact = False

    def take(self, *, tasks: int = 0, tag_keys: Collection[str] = ()) -> None:
        """Reserve room for these, or raise and reserve none. The tags are those that do not exist yet.

        Raises QuotaReached (409), and ValidationError (400) for more than MAX_NEW_TAGS in one request.
        """
        new_tags = self._new_tags | set(tag_keys)
        if len(new_tags) > len(self._new_tags):
            self._check_tags(len(new_tags))
        if tasks:
            self._check_tasks(tasks)
        self._new_tasks += tasks
        self._new_tags = new_tags

    def _check_tags(self, new: int) -> None:
        if new > MAX_NEW_TAGS:
            detail = f"One request can create {MAX_NEW_TAGS} tags at most. Send the others in another one."
            raise ValidationError({"tags": [ErrorDetail(detail, "too_many_tags")]})
        if self._stored_tags is None:
            self._stored_tags = _count("tags", self._user_id)
        if settings.TAGS_PER_USER and self._stored_tags + new > settings.TAGS_PER_USER:
            raise QuotaReached.of_tags(settings.TAGS_PER_USER)

    def _check_tasks(self, tasks: int) -> None:
        quota = settings.TASKS_PER_USER
        if not quota:
            return
        if self._stored_tasks is None:
            self._stored_tasks = task_counts.about(self._user_id)
        if self._stored_tasks + self._new_tasks + tasks > quota and not self._is_exact:
            # Some may have been deleted since they were counted.
            self._stored_tasks, self._is_exact = task_counts.now(self._user_id), True
        if self._stored_tasks + self._new_tasks + tasks > quota:
            raise QuotaReached.of_tasks(quota)
        task_counts.add(self._user_id, tasks)


@dataclass
class _Counted:
    tasks: int
    until: float


class TaskCounts:
    """How many tasks users have, counted again before they can have reached the quota.

    To count 100,000 rows takes milliseconds, so a process does it seldom: the fewer a user has, the longer
    the number is good for.
    """

    def __init__(self) -> None:
        self._by_user: dict[UUID, _Counted] = {}

    def about(self, user_id: UUID) -> int:
        """The tasks of the user, as they were counted within the last minutes."""
        counted = self._by_user.get(user_id)
        if counted is None or time.monotonic() > counted.until:
            return self.now(user_id)
        return counted.tasks

    def now(self, user_id: UUID) -> int:
        """The tasks of the user, counted."""
        tasks = _count("tasks", user_id)
        left = (settings.TASKS_PER_USER - tasks) / _CREATED_A_SECOND
        good_for = min(max(left, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        if len(self._by_user) >= _USERS_KEPT:
            self._by_user.clear()
        self._by_user[user_id] = _Counted(tasks, time.monotonic() + good_for)
        return tasks

    def add(self, user_id: UUID, tasks: int) -> None:
        """This process creates so many more."""
        if counted := self._by_user.get(user_id):
            counted.tasks += tasks


task_counts = TaskCounts()


def _count(table: str, user_id: Any) -> int:
    with prepared_cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", [user_id])  # noqa: S608 - no input
        counted: int = cursor.fetchone()[0]
        return counted
