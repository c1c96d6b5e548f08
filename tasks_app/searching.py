"""Search by words: one expression for the index, the API and the admin."""

from django.contrib.postgres.search import SearchQuery, SearchVector

# Said in another way, the index tasks_search would not serve it.
WORDS = SearchVector("title", "description", config="simple")


def words_of(text: str) -> list[str]:
    """The words somebody looks for, without the signs that mean something in a raw query."""
    return text.replace("\\", " ").replace("'", " ").split()


def beginning_with(*words: str) -> SearchQuery:
    """What finds a task when each of these words begins one of its own."""
    return SearchQuery(" & ".join(f"'{word}':*" for word in words), search_type="raw", config="simple")
