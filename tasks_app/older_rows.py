"""Brings rows that an older release wrote up to date: their words, and one tag for all forms of its name.

`manage.py upgrade_rows` does so at each release, after `migrate`; a tick for what processes of the older
release write beside this one. Each step can be stopped and run again.
"""

from json import dumps

from django.db import IntegrityError, connection, transaction

from tasks_app.labels import Tag
from tasks_app.services import merge_tag
from tasks_app.title_order import title_key
from tasks_app.visible import key_of_name
from tasks_app.words import vector


def upgrade(count: int) -> int:
    """Bring at most `count` rows of each kind up to date; how many."""
    return fill_words(count) + give_keys_to_tags(count)


@transaction.atomic
def fill_words(count: int) -> int:
    """Compute the words of tasks that have none; of how many. Rows that are locked are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_WORDS, [count])
        rows = [
            {
                "id": pk,
                "words": vector(user_id, version, title, description),
                "title_key": title_key(title),
            }
            for pk, user_id, version, title, description in cursor.fetchall()
        ]
        cursor.execute(_FILL_WORDS, [dumps(rows)])
    return len(rows)


_WITHOUT_WORDS = """
    SELECT id, user_id, version, title, description FROM tasks WHERE words IS NULL
    ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
_FILL_WORDS = """
    UPDATE tasks SET words = new.words, title_key = new.title_key
    FROM jsonb_to_recordset(%s::jsonb) AS new (id bigint, words tsvector, title_key text)
    WHERE tasks.id = new.id
"""


def give_keys_to_tags(count: int) -> int:
    """Give a key to tags that have none, and merge those whose names are forms of one; how many."""
    tags = list(Tag.objects.filter(name_key=None).order_by("id")[:count])
    return sum(_give_key(tag) for tag in tags)


def _give_key(tag: Tag) -> bool:
    """The older of two tags stays. False if another process was faster: the next time finds what is left."""
    key = key_of_name(tag.name)
    try:
        with transaction.atomic():
            other = Tag.objects.filter(user=tag.user_id, name_key=key).first()
            if other and other.pk < tag.pk:
                merge_tag(tag, into=other)
                return True
            if other:
                merge_tag(other, into=tag)
            with connection.cursor() as cursor:  # no one sees the key, so this is no event
                cursor.execute(_GIVE_KEY, [key, tag.pk, tag.name])
                return bool(cursor.rowcount)
    except IntegrityError:
        return False


_GIVE_KEY = "UPDATE tags SET name_key = %s WHERE id = %s AND name_key IS NULL AND name = %s"
