"""Which events the relay takes next: the oldest; and while it is behind, some of each user in turn.

Otherwise the next occurrence of one user would wait for the ten thousand changes of another. The order within
a user stays, of tasks and tags alike: each batch has the oldest events of the users it serves.
Source: docs/decisions/0030-bounds-of-one-user.md.
"""

from collections import Counter
from math import ceil

from django.db.backends.utils import CursorWrapper

from events_app.envelope import OutboxRow
from events_app.shards import Shard

# Whose an event is. A release that did not write user_id had the user's id as the key of all but priorities.
_OWNER = "coalesce(user_id::text, key)"
# Plain SQL: the ORM's rows, and their JSON parsed and written again, took most of the relay's time
# (docs/decisions/0020-the-events-contract-and-the-relay.md).
_COLUMNS = "id, event_id::text, topic, type, key, subject, sequence, time, data::text, request_id, actor"
_OLDEST = f"SELECT {_COLUMNS} FROM outbox_events ORDER BY id LIMIT %(size)s"  # noqa: S608 - names of ours
# One probe of the index for each owner, however many events there are: PostgreSQL has no skip scan for this.
_NEXT_OWNERS = f"""
    WITH RECURSIVE turn AS (
        (SELECT {_OWNER} AS owner FROM outbox_events WHERE {_OWNER} > %(after)s AND {{end}}
         ORDER BY {_OWNER} LIMIT 1)
        UNION ALL
        SELECT (SELECT {_OWNER} FROM outbox_events WHERE {_OWNER} > turn.owner AND {{end}}
                ORDER BY {_OWNER} LIMIT 1)
        FROM turn WHERE turn.owner IS NOT NULL
    )
    SELECT owner FROM turn WHERE owner IS NOT NULL LIMIT %(size)s
"""  # noqa: S608 - names of ours
# The first event of each owner, then the second of each ...
_SHARES = f"""
    SELECT {_COLUMNS}, owner FROM unnest(%(owners)s::text[]) AS turn (owner), LATERAL (
        SELECT *, row_number() OVER (ORDER BY id) AS place FROM outbox_events
        WHERE {_OWNER} = turn.owner ORDER BY id LIMIT %(share)s
    ) AS theirs ORDER BY place, id
"""  # noqa: S608 - names of ours


class Turns:
    """Whose turn it is among the users of a shard. Lost with the process, which does no harm."""

    def __init__(self, shard: Shard | None = None) -> None:
        self._shard = shard or Shard()
        self.is_behind = False
        self._last_owner = self._shard.first_owner
        end = "TRUE" if self._shard.end is None else f"{_OWNER} < %(end)s"
        self._find_owners = _NEXT_OWNERS.format(end=end)

    def next_rows(self, cursor: CursorWrapper, size: int) -> list[OutboxRow]:
        """The next batch, of about `size` rows; empty when the outbox has none of the shard.

        The oldest rows may all be of other shards, whose relays are away, so a shard never looks for them.
        """
        if self.is_behind or self._shard.count > 1:
            return self._of_each(cursor, size)
        return self._oldest(cursor, size)

    def _oldest(self, cursor: CursorWrapper, size: int) -> list[OutboxRow]:
        cursor.execute(_OLDEST, {"size": size})
        rows = [OutboxRow._make(row) for row in cursor.fetchall()]
        self.is_behind = len(rows) == size
        return rows

    def _of_each(self, cursor: CursorWrapper, size: int) -> list[OutboxRow]:
        owners = self._next_owners(cursor, size)
        if not owners:
            self.is_behind = False
            return []
        self._last_owner = owners[-1]
        share = ceil(size / len(owners))
        cursor.execute(_SHARES, {"owners": owners, "share": share})
        rows = cursor.fetchall()
        taken = Counter(owner for *_, owner in rows)
        self.is_behind = len(owners) == size or share in taken.values()
        return [OutboxRow._make(row[:-1]) for row in rows]

    def _next_owners(self, cursor: CursorWrapper, size: int) -> list[str]:
        """At most `size` owners of events, from the one after the last batch's on, and round again."""
        owners: list[str] = []
        for after in (self._last_owner, self._shard.first_owner):
            bounds = {"after": after, "end": self._shard.end, "size": size - len(owners)}
            cursor.execute(self._find_owners, bounds)
            owners += [owner for (owner,) in cursor.fetchall() if owner not in owners]
        return owners
