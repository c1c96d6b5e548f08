from collections import defaultdict

import pytest

from events_app import groups


@pytest.fixture
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test registers all handlers there are."""
    monkeypatch.setattr(groups, "registry", defaultdict(dict))
