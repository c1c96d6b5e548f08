"""What must be right before a process that uses a Dapr sidecar starts."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, register

from todo_project.checks import TAG, error

USES = ("publish", "subscribe", "state")


@register(TAG)
def check_dapr(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """An error for each thing in which a sidecar would not do what DAPR says."""
    del app_configs, options
    return list(_faults())


# A deployment's check: only the web is called by its sidecar.
@register(TAG, deploy=True)
def check_calls(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """An error if the sidecar of the web could not call it."""
    del app_configs, options
    if not settings.DAPR or settings.APP_API_TOKEN:
        return []
    problem = "DAPR is set and APP_API_TOKEN is not: what the sidecar calls is not served."
    return [error("E062", problem, "Set the token that the sidecar is to send.")]


def _faults() -> Iterator[CheckMessage]:
    if unknown := sorted(set(settings.DAPR) - set(USES)):
        yield error("E060", f"DAPR has {', '.join(unknown)}.", f"It may have {', '.join(USES)}.")
    if "publish" in settings.DAPR and settings.KAFKA_BOOTSTRAP_SERVERS:
        problem = "DAPR has publish, and KAFKA_BOOTSTRAP_SERVERS is set."
        remedy = (
            "Publish one way: a sidecar and our producer put a key on different partitions, and events of a"
            " task would overtake each other."
        )
        yield error("E061", problem, remedy)
