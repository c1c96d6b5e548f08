"""A priority that was there counts as there for a minute, and is asked for again afterwards."""

import pytest

from accounts_app.models import User
from tasks_app import lookup
from tasks_app.lookup import Lookup
from tasks_app.models import Priority


@pytest.mark.django_db
def test_one_that_was_deleted_is_forgotten(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    priority = Priority.objects.create(name="Someday", level=5, color="#123456")
    monkeypatch.setattr(lookup, "_seen_until", {})
    monkeypatch.setattr(lookup, "monotonic", lambda: 1000.0)
    assert Lookup(alice).has_priority(priority.pk)
    pk = priority.pk
    priority.delete()
    monkeypatch.setattr(lookup, "monotonic", lambda: 1059.9)
    assert Lookup(alice).has_priority(pk)
    monkeypatch.setattr(lookup, "monotonic", lambda: 1060.0)
    assert not Lookup(alice).has_priority(pk)
