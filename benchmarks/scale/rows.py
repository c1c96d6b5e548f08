"""Millions of tasks, made inside PostgreSQL: a user with many, one with 1,000, others between them."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from benchmarks.stage import Person, execute, people
from tasks_app.models import Tag, Task
from tasks_app.words import key_of

SMALL = 1_000
OTHERS_EACH = 1_000
OCCURRENCES = 100  # of one series
RARE_TASKS = 20  # that have the rare word and the rare tag
COMMON_TAG, SECOND_TAG, RARE_TAG = "common", "second", "rare"
_VOCABULARY = """
    water call buy write send read clean repair plan visit paint order check pay book pack print renew return
    sort plants doctor milk report letter novel kitchen bicycle garden aunt fence shelf invoice rent flight
    suitcase photos passport parcel cellar monday budget meeting car train dentist birthday present window
    lamp carpet bread coffee tickets summer winter neighbour school lesson guitar piano battery phone
"""
WORDS = _VOCABULARY.split()

_TITLE = "w[1 + r % {words}] || ' ' || w[1 + (r / 97) % {words}] || ' ' || w[1 + (r / 9973) % {words}]"
# n is the row's number, r a number without order made of it. created_at grows with n, a row each second.
_VARIED = {
    "title": _TITLE,
    "title_key": _TITLE,  # ordered as well as by the real one
    "description": "CASE WHEN r % 3 = 0 THEN 'before the weekend, ' || w[1 + (r / 31) % {words}] END",
    # As tasks_app/words.py makes them; k is the user's key.
    "words": """(format($$'%1$s':2 '%1$s%2$s':1A '%1$s%3$s':2A '%1$s%4$s':3A $$, k, w[1 + r % {words}],
        w[1 + (r / 97) % {words}], w[1 + (r / 9973) % {words}]) || CASE WHEN r % 3 = 0 THEN
        format($$'%1$sbefore':5C '%1$sthe':6C '%1$sweekend':7C '%1$s%2$s':8C$$, k, w[1 + (r / 31) % {words}])
        ELSE '' END)::tsvector""",
    "completed": "r % 10 < 4",
    "completed_at": "CASE WHEN r % 10 < 4 THEN t + (r % 500) * interval '1 hour' END",
    "pinned": "r % 100 = 7",
    "archived": "r % 20 = 9",
    "deleted_at": "CASE WHEN r % 50 = 11 THEN t + interval '9 days' END",
    "priority_id": "1 + (r / 7) % 4",
    "due_at": "CASE WHEN r % 10 < 7 THEN now() + (r / 13 % 17520 - 8760) * interval '1 hour' END",
    "reminder_at": "CASE WHEN r % 20 = 3 THEN now() + (r / 11 % 8760) * interval '1 hour' END",
    "next_reminder_at": "CASE WHEN r % 60 = 43 THEN now() + (r / 11 % 8760) * interval '1 hour' END",
    "is_recurring": "r % 50 = 13",
    "recurrence_rule": "CASE WHEN r % 50 = 13 THEN 'weekly' END",
    "series_id": "CASE WHEN r % 50 = 13 THEN gen_random_uuid() END",
    "anchor_local": "CASE WHEN r % 50 = 13 THEN t::timestamp END",
    "occurrence_at": "CASE WHEN r % 50 = 13 THEN t END",
    "timezone": "'Europe/Berlin'",
    "created_at": "t",
    "updated_at": "t + (r % 800) * interval '1 hour'",
}


@dataclass(frozen=True)
class Owner:
    """A user, the ids of their tags by name, and the head of one of their series."""

    person: Person
    tags: dict[str, int]
    head: int


def make_rows(tasks: int) -> tuple[Owner, Owner]:
    """A user with 1,000 tasks and one with `tasks`, among ten times as many of others; indexed and analysed.

    The rows of all users are mixed, as after years of use.
    """
    small, large = people("small", 1)[0], people("large", 1)[0]
    others = people("other", max(10 * tasks // OTHERS_EACH, 1))
    indexes = _drop_indexes()
    execute("SET session_replication_role = replica")  # no foreign key is asked about ten million times
    _insert([one.user.pk for one in (small, large, *others)], tasks)
    for index in indexes:
        execute("SET maintenance_work_mem = '512MB'")
        execute(index)
    owners = _owner(small), _owner(large)
    execute("SET session_replication_role = origin")
    execute("VACUUM ANALYZE")
    return owners


def size_on_disk() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        return str(cursor.fetchone()[0])


def _drop_indexes() -> list[str]:
    """Drop those that hold no constraint; the statements that make them again (faster than row by row)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT indexname, indexdef FROM pg_indexes
             WHERE tablename IN ('tasks', 'task_tags') AND schemaname = current_schema()
               AND indexname NOT IN (SELECT conname FROM pg_constraint)
            """
        )
        found = cursor.fetchall()
    for name, _definition in found:
        execute(f'DROP INDEX "{name}"')
    return [definition for _name, definition in found]


def _insert(owners: list[UUID], tasks: int) -> None:
    """Of each 11 rows one is the second owner's and ten are others'; the first one's are strewn in."""
    varied = {name: value.replace("%", "%%").format(words=len(WORDS)) for name, value in _VARIED.items()}
    plain = Task()
    columns = [field for field in Task._meta.concrete_fields if field.name not in ("id", "user")]
    constants = {
        field.attname: field.get_db_prep_save(getattr(plain, field.attname), connection)
        for field in columns
        if field.attname not in varied
    }
    names = ["user_id", *varied, *constants]
    statement = f"""
        INSERT INTO tasks ({", ".join(names)})
        SELECT owners[o], {", ".join([*varied.values(), *(f"%({name})s" for name in constants)])}
          FROM generate_series(1, %(rows)s) AS n,
               LATERAL (SELECT abs(hashint8(n)::bigint) AS r,
                               now() - interval '1 minute' - (%(rows)s - n) * interval '1 second' AS t) AS _,
               (SELECT %(words)s::text[] AS w, %(owners)s::uuid[] AS owners, %(keys)s::text[] AS keys) AS __,
               LATERAL (SELECT CASE WHEN n %% %(strewn)s = 5 AND n / %(strewn)s < {SMALL} THEN 1
                                    WHEN n %% 11 = 0 THEN 2 ELSE 3 + r %% %(others)s END AS o) AS ___,
               LATERAL (SELECT keys[o] AS k) AS ____
    """
    rows, others = 11 * tasks, owners[2:]
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            constants
            | {"strewn": rows // SMALL, "rows": rows, "words": WORDS, "others": len(others)}
            | {"owners": [str(pk) for pk in owners], "keys": [key_of(pk) for pk in owners]},
        )


def _owner(person: Person) -> Owner:
    tags = QuerySet[Tag](Tag).bulk_create(
        [Tag(user=person.user, name=name) for name in (COMMON_TAG, SECOND_TAG, RARE_TAG)]
    )
    common, second, rare = (tag.pk for tag in tags)
    mine = f"FROM tasks WHERE user_id = '{person.user.pk}'"
    execute(
        f"""
        INSERT INTO task_tags (task_id, tag_id, created_at)
        SELECT id, {common}, now() {mine} AND hashint8(id) % 2 = 0 UNION ALL
        SELECT id, {second}, now() {mine} AND hashint8(id) % 3 = 0 UNION ALL
        (SELECT id, {rare}, now() {mine} AND NOT archived AND deleted_at IS NULL
         ORDER BY hashint8(id) LIMIT {RARE_TASKS})
        """
    )
    execute(
        f"""
        UPDATE tasks SET title = 'zugzwang ' || title,
               words = format($$'%szugzwang':1A$$, '{key_of(person.user.pk)}')::tsvector || words
         WHERE id IN (SELECT task_id FROM task_tags WHERE tag_id = {rare})
        """
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(id) {mine}")
        head = int(cursor.fetchone()[0])
    execute(
        f"""
        UPDATE tasks SET parent_task_id = {head}
         WHERE id IN (SELECT id {mine} AND id <> {head} ORDER BY hashint8(id) LIMIT {OCCURRENCES})
        """
    )
    return Owner(person, {COMMON_TAG: common, SECOND_TAG: second, RARE_TAG: rare}, head)
