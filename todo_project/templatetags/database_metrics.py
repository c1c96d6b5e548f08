"""What PostgreSQL says of the whole system, for the admin's first page."""

from django import template

from todo_project.database_metrics import DatabaseMetrics

register = template.Library()


@register.simple_tag
def database_metrics() -> list[tuple[str, str]]:
    """(what it is, its value) of each fact, as /metrics has them."""
    return [
        (" ".join([family.documentation, *sample.labels.values()]), f"{sample.value:.0f}")
        for family in DatabaseMetrics().collect()
        for sample in family.samples
    ]
