"""What PostgreSQL says of the whole system, for the admin's first page."""

from django import template

from todo_project.stored_facts import StoredFacts

register = template.Library()


@register.simple_tag
def stored_facts() -> list[tuple[str, str]]:
    """(what it is, its value) of each fact, as /metrics has them."""
    return [
        (" ".join([family.documentation, *sample.labels.values()]), f"{sample.value:.0f}")
        for family in StoredFacts().collect()
        for sample in family.samples
    ]
