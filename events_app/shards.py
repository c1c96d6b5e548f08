"""Several active relays, each for a part of the users (setting RELAY_SHARD, `2/4` is the second of four).

The users' ids are random, so 64 slots of equal width along their order have equally many users. A shard is a
run of slots. A relay locks each of its slots, so that no two relays serve a user, whatever their settings:
while `1/2` runs, `1/4` waits. The relay without shards excludes all others by LOCK_ID, as in releases without
shards.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db.backends.utils import CursorWrapper

# "todo" in ASCII; any number that is not used elsewhere.
LOCK_ID = 0x746F646F
SLOTS = 64
# The first key of a slot's lock, which has two; the second is the slot.
SLOT_LOCKS = LOCK_ID
_WIDTH = 256 // SLOTS

_TRY_EACH = """
    SELECT bool_and(pg_try_advisory_lock(%s, slot)) FROM generate_series(%s::int, %s::int) AS slot
"""
_HELD = """
    SELECT coalesce(bool_or(objsubid = 1 AND mode = 'ExclusiveLock'), false),
           count(DISTINCT objid) FILTER (WHERE objsubid = 2)
    FROM pg_locks
    WHERE locktype = 'advisory' AND granted
    AND ((classid = 0 AND objid = %s AND objsubid = 1) OR (classid = %s AND objsubid = 2))
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclass(frozen=True)
class Shard:
    """The `number`th of `count` parts, counted from 1; 1 of 1 is everything."""

    number: int = 1
    count: int = 1

    @property
    def slots(self) -> range:
        return range((self.number - 1) * SLOTS // self.count, self.number * SLOTS // self.count)

    @property
    def first_owner(self) -> str:
        """No owner of the shard comes before it; the first shard has all before the second, too."""
        return "" if self.number == 1 else f"{self.slots.start * _WIDTH:02x}"

    @property
    def end(self) -> str | None:
        """The first owner of the next shard; None in the last one, which also has what is of no user."""
        return None if self.number == self.count else f"{self.slots.stop * _WIDTH:02x}"

    def try_lock(self, cursor: CursorWrapper) -> bool:
        """Take all locks of the shard for the session, or none."""
        if self.count == 1:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_ID])
            return bool(cursor.fetchone()[0])
        cursor.execute("SELECT pg_try_advisory_lock_shared(%s)", [LOCK_ID])
        is_ours = bool(cursor.fetchone()[0])
        if is_ours:
            cursor.execute(_TRY_EACH, [SLOT_LOCKS, self.slots.start, self.slots.stop - 1])
            is_ours = bool(cursor.fetchone()[0])
        if not is_ours:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        return is_ours


def shard_of_settings() -> Shard:
    """Raises ValueError when RELAY_SHARD is no such text as `2/4`, or one of more than 64."""
    number, _, count = settings.RELAY_SHARD.partition("/")
    shard = Shard(int(number), int(count))
    if not 1 <= shard.number <= shard.count <= SLOTS:
        raise ValueError(f"{settings.RELAY_SHARD} is no shard.")
    return shard


def all_users_have_a_relay(cursor: CursorWrapper) -> bool:
    """Whether active relays hold the locks of every user."""
    cursor.execute(_HELD, [LOCK_ID, SLOT_LOCKS])
    is_whole, slots = cursor.fetchone()
    return bool(is_whole) or slots == SLOTS
