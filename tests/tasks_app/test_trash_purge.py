"""What has been in the trash for 30 days is erased, without another event; the rest stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts_app.models import User
from tasks_app import tasks as trash
from tasks_app.models import Task
from tasks_app.services import create_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db(transaction=True)


def test_old_trash_is_erased(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "BATCH", 2)
    now = timezone.now()
    old = [
        create_task(alice, title=f"old {n}", deleted_at=now - trash.KEPT - timedelta(minutes=1))
        for n in range(5)
    ]
    young = create_task(alice, title="young", deleted_at=now - trash.KEPT + timedelta(minutes=1))
    task = create_task(alice, title="open")
    with recorded() as found:
        assert trash.purge_trash() == len(old)
    assert set(Task.objects.all()) == {young, task}
    assert found.events == []
    assert trash.purge_trash() == 0


def test_the_occurrences_of_an_erased_head_go_on(alice: User) -> None:
    head = create_task(alice, title="head", deleted_at=timezone.now() - trash.KEPT * 2)
    child = create_task(alice, title="child", parent_task=head)
    with recorded() as found:
        trash.purge_trash()
    assert found.types == [("task.updated", child.pk)]
