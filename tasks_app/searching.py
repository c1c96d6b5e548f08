"""Search by words: one expression for the index, the API and the admin; and what is found, best first."""

from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import IntegerField, QuerySet
from django.db.models.functions import Cast

# Said in another way, the index tasks_search would not serve it.
WORDS = SearchVector("title", "description", config="simple")
# A word in the title counts for more. Not what the index holds: it is reckoned for what is ranked only.
_WEIGHTED = SearchVector("title", weight="A", config="simple") + SearchVector(
    "description", weight="C", config="simple"
)
# Of a word that half of a million tasks have, only the newest are ranked.
RANKED = 1_000


def words_of(text: str) -> list[str]:
    """The words somebody looks for, without the signs that mean something in a raw query."""
    return text.replace("\\", " ").replace("'", " ").split()


def beginning_with(*words: str) -> SearchQuery:
    """What finds a task when each of these words begins one of its own."""
    return SearchQuery(" & ".join(f"'{word}':*" for word in words), search_type="raw", config="simple")


def by_rank(queryset: QuerySet[Any], found: QuerySet[Any], words: SearchQuery) -> QuerySet[Any]:
    """The newest RANKED of what was found, with their `rank`: 0 to 1,000,000, the more the better.

    `queryset` is what `found` was filtered from. A whole number, because a page begins after a row's rank:
    PostgreSQL's own is a `real`, which is another number on its way back.
    """
    newest = found.order_by("-created_at", "-pk").values("pk")[:RANKED]
    rank = Cast(SearchRank(_WEIGHTED, words) * 1_000_000.0, IntegerField())
    ranked: QuerySet[Any] = queryset.filter(pk__in=newest).annotate(rank=rank)
    return ranked
