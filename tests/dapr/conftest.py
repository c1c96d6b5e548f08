from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.dapr.sidecar import API_TOKEN, APP_TOKEN, Sidecar


@pytest.fixture
def sidecar(settings: Settings) -> Iterator[Sidecar]:
    """A sidecar that the settings know, for everything; its topics are there."""
    settings.DAPR = ["publish", "subscribe", "state"]
    settings.APP_API_TOKEN, settings.DAPR_API_TOKEN = APP_TOKEN, API_TOKEN
    one = Sidecar("task-events", "task-updates", "reminders", "tag-events")
    with one.serving() as settings.DAPR_HTTP_PORT:
        yield one
