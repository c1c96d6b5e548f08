"""A priority that was there counts as there for a minute, and is asked for again afterwards."""

import pytest

from accounts_app.models import User
from tasks_app import vocabulary
from tasks_app.models import Priority
from tasks_app.vocabulary import Vocabulary


@pytest.mark.django_db
def test_one_that_was_deleted_is_forgotten(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    priority = Priority.objects.create(name="Someday", level=5, color="#123456")
    monkeypatch.setattr(vocabulary, "_seen_until", {})
    monkeypatch.setattr(vocabulary, "monotonic", lambda: 1000.0)
    assert Vocabulary(alice).has_priority(priority.pk)
    pk = priority.pk
    priority.delete()
    monkeypatch.setattr(vocabulary, "monotonic", lambda: 1059.9)
    assert Vocabulary(alice).has_priority(pk)
    monkeypatch.setattr(vocabulary, "monotonic", lambda: 1060.0)
    assert not Vocabulary(alice).has_priority(pk)
