"""Search by words: what is found, best first.

The index of words has the user in front of each word (tasks_app/words.py), so a search costs what this user
has. For a word in few tasks the index finds them; for one in many, reading from the newest on does.
PostgreSQL cannot guess which it is, so a few newest tasks are read first, and what they show decides
(docs/decisions/0015-search.md).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector, SearchVectorExact
from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    Count,
    F,
    Func,
    IntegerField,
    Min,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast

from http_app.keyset import KeyedAndEmpty
from tasks_app.words import query

# What the admin searches: words of all users. Said in another way, the index tasks_search would not serve it.
WORDS = SearchVector("title", "description", config="simple")
# At most so many are ranked of more tasks than a sample: the largest page.
RANKED = 200
# So many of the newest tasks are read before the index is asked: a few milliseconds.
SAMPLE = 1_024
# A word in so many tasks of the sample is common: reading on after it finds enough of them soon.
COMMON = 8
# Of a common word at least so many are ranked: a page of the usual size, and some.
ENOUGH = 64
# Sorted, or listed by id, without a moment's wait.
FEW = 10_000
WORK_MEMORY = "64MB"


class WordsQuery(SearchQuery):
    """A tsquery as PostgreSQL writes it, which to_tsquery() would parse again."""

    template = "%(expressions)s::tsquery"

    def __init__(self, text: str) -> None:
        super().__init__(text, search_type="raw")
        self.text = text


def query_of(user_id: UUID, text: str) -> WordsQuery | None:
    """What finds the tasks of this user that have these words; None if the text has no word."""
    words = query(user_id, text)
    return WordsQuery(words) if words else None


def plain_words(text: str) -> list[str]:
    """The words of a search in the admin, without the characters that have a meaning in a raw query."""
    return text.replace("\\", " ").replace("'", " ").split()


def beginning_with(*words: str) -> SearchQuery:
    """What finds a task in the admin when each of these words begins one of its own."""
    return SearchQuery(" & ".join(f"'{word}':*" for word in words), search_type="raw", config="simple")


def by_rank(
    queryset: QuerySet[Any], found: QuerySet[Any], words: WordsQuery
) -> QuerySet[Any] | KeyedAndEmpty:
    """What matches in `found`, with its `rank`: 0 to 1,000,000, the more the better.

    Only the newest are ranked: those in a sample of all, else RANKED, of a common word at least ENOUGH. The
    older have no rank.
    `queryset` is what `found` was filtered from. A whole number, because a page begins after a row's rank:
    PostgreSQL's own is a `real`, which is another number on its way back.
    """
    ids, is_all = _newest_matches(found, words)
    rank = Cast(SearchRank(F("words"), words) * 1_000_000.0, IntegerField())
    ranked: QuerySet[Any] = queryset.filter(pk__in=ids).annotate(rank=rank)
    if is_all:
        return ranked
    older = _matches(found, words).exclude(pk__in=ids)
    return KeyedAndEmpty(ranked, older.annotate(rank=Value(None, IntegerField())))


def _newest_matches(found: QuerySet[Any], words: WordsQuery) -> tuple[list[int], bool]:
    """The ids of those that are ranked, and whether these are all."""
    sample = _sample(found, words)
    if sample.is_all:
        return sample.ids, True
    if len(sample.ids) >= ENOUGH:
        return sample.ids[:RANKED], False
    if len(sample.ids) >= COMMON:
        unread = found.filter(_read_on(words), created_at__lte=sample.oldest).exclude(pk__in=sample.ids)
        return sample.ids + _ids(_newest(unread)[: ENOUGH - len(sample.ids)]), False
    ids = _by_the_index(words)
    return _ids(found.filter(pk__in=ids[:RANKED])), len(ids) <= RANKED


def matching(found: QuerySet[Any], words: WordsQuery) -> QuerySet[Any]:
    """Those of `found` that match, in whatever order they are asked for."""
    sample = _sample(found, words)
    if sample.is_all:
        return found.filter(pk__in=sample.ids)
    if len(sample.ids) < COMMON and len(ids := _by_the_index(words)) < FEW:
        return found.filter(pk__in=ids)
    return found.filter(_read_on(words))


@dataclass
class _Sample:
    """The newest tasks that match among the newest SAMPLE, all created at `oldest` or later.

    `is_all`: the user has no more.
    """

    ids: list[int]
    oldest: datetime | None
    is_all: bool


def _sample(found: QuerySet[Any], words: WordsQuery) -> _Sample:
    newest = _newest(found).annotate(hit=SearchVectorExact(F("words"), words))
    ids = ArrayAgg("pk", filter=Q(hit=True), order_by=["-created_at", "-pk"], default=Value([]))
    seen = newest.values("pk", "created_at", "hit")[:SAMPLE].aggregate(
        read=Count("pk"), oldest=Min("created_at"), ids=ids
    )
    return _Sample(seen["ids"], seen["oldest"], is_all=seen["read"] < SAMPLE)


def _by_the_index(words: WordsQuery) -> list[int]:
    """The newest FEW that have the words, whatever else is asked for.

    PostgreSQL takes each word for one that many have, and so would read all tasks of the user too. So the
    index of words is asked alone.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Matches that do not fit are kept as pages of the table, and each row of these is checked again.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        cursor.execute(_BY_WORDS, [words.text, FEW])
        return [pk for (pk,) in cursor.fetchall()]


# An order that no index has, so that no index but that of words is of use. Of other users only those with the
# same key are read (tasks_app/words.py); what the list filters by leaves them out.
_BY_WORDS = """
    SELECT id FROM tasks WHERE words @@ %s::tsquery ORDER BY created_at + interval '0' DESC, id DESC LIMIT %s
"""


def _ids(found: QuerySet[Any]) -> list[int]:
    return list(found.values_list("pk", flat=True))


def _newest(found: QuerySet[Any]) -> QuerySet[Any]:
    return found.order_by("-created_at", "-pk")


def _matches(found: QuerySet[Any], words: WordsQuery) -> QuerySet[Any]:
    matches: QuerySet[Any] = found.filter(words=words)
    return matches


def _read_on(words: WordsQuery) -> Func:
    """What matches, in a form that no index serves: the rows are read in their order."""
    return Func(F("words"), words, function="ts_match_vq", output_field=BooleanField())
