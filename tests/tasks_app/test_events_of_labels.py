"""Each change of a tag or a priority is an event on tag-events, so that a consumer can name what ids mean."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import NotSupportedError
from rest_framework.test import APIClient

from accounts_app.erasure import close_account, erase_closed_accounts
from accounts_app.models import User
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent
from tasks_app.models import Priority, Tag
from tasks_app.services import merge_tag

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def nothing_before(db: None) -> None:
    OutboxEvent.objects.all().delete()


def written() -> list[tuple[str, str, int]]:
    rows = OutboxEvent.objects.filter(topic="tag-events").order_by("id")
    return list(rows.values_list("type", "key", "sequence"))


def test_a_tag_from_its_creation_to_its_deletion(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    tag = client.post("/api/tags", {"name": "home"}).json()
    url, key = f"/api/tags/{tag['id']}", f"tag:{tag['id']}"
    client.patch(url, {"name": "house"})
    client.patch(url, {"name": "house"})  # no change
    client.delete(url)
    assert written() == [("tag.created", key, 1), ("tag.updated", key, 2), ("tag.deleted", key, 3)]
    first = OutboxEvent.objects.order_by("id").first()
    assert first is not None
    assert (first.subject, first.user_id) == (key, alice.pk)
    assert first.data == {
        "event_type": "created",
        "id": tag["id"],
        "user_id": str(alice.pk),
        "name": "home",
        "color": "#6B7280",
    }


def test_a_priority_too(operator: Any) -> None:
    priority = Priority.objects.create(name="Someday", level=5, color="#999999")
    priority.name = "Later"
    priority.save(update_fields=["name"])
    priority.delete()
    kinds = [(kind, sequence) for kind, _, sequence in written()]
    assert kinds == [("priority.created", 1), ("priority.updated", 2), ("priority.deleted", 3)]
    assert len({key for _, key, _ in written()}) == 1
    assert OutboxEvent.objects.filter(topic="tag-events", user_id=None).count() == 3


@pytest.mark.parametrize(
    "write",
    [
        lambda tag: Tag.objects.update(color="#000000"),
        lambda tag: Tag.objects.filter(pk=tag.pk).update(name="house"),
        lambda tag: tag.user.tags.update(color="#000000"),
        lambda tag: Tag.objects.bulk_create([Tag(user=tag.user, name="garden")]),
        lambda tag: Tag.objects.bulk_update([tag], ["name"]),
        lambda tag: Priority.objects.update(color="#000000"),
        lambda tag: Priority.objects.bulk_create([Priority(name="Someday", level=5, color="#999999")]),
        lambda tag: Priority.objects.bulk_update(Priority.objects.all(), ["name"]),
    ],
)
def test_what_would_record_no_event_is_refused(alice: User, write: Callable[[Tag], Any]) -> None:
    tag = Tag.objects.create(user=alice, name="home")
    colors = set(Priority.objects.values_list("color", flat=True))
    with pytest.raises(NotSupportedError, match="save"):
        write(tag)
    assert [kind for kind, *_ in written()] == ["tag.created"]
    assert (Tag.objects.get().name, Tag.objects.get().color) == ("home", tag.color)
    assert set(Priority.objects.values_list("color", flat=True)) == colors


def test_tags_that_a_task_names_for_the_first_time(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    answer = client.post("/api/tasks", {"title": "x", "tags": ["home", "garden"]}).json()
    assert {(kind, key) for kind, key, _ in written()} == {
        ("tag.created", f"tag:{pk}") for pk in answer["tag_ids"]
    }
    client.post("/api/tasks", {"title": "y", "tags": ["home"]})
    assert len(written()) == 2


def test_a_merge_deletes_the_tag(alice: User) -> None:
    home, house = (Tag.objects.create(user=alice, name=name) for name in ("home", "house"))
    gone = f"tag:{home.pk}"
    merge_tag(home, into=house)
    assert written()[2:] == [("tag.deleted", gone, 2)]


def test_a_deletion_by_a_copy_of_an_earlier_version(alice: User) -> None:
    """Its number is beyond the last one, or consumers would drop it."""
    tag, stale = Tag.objects.create(user=alice, name="home"), Tag.objects.get()
    tag.name = "house"
    tag.save(update_fields=None)
    stale.delete()
    assert [sequence for *_, sequence in written()] == [1, 2, 3]


def test_what_is_there_can_be_published(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    Tag.objects.create(user=alice, name="home").save()
    before = len(written())
    call_command("publish_tags")
    published = written()[before:]
    assert [kind for kind, *_ in published] == ["priority.updated"] * 4 + ["tag.updated"]
    assert published[-1][2] == Tag.objects.get().version == 1
    assert capsys.readouterr().out == "4 priorities\n1 tags\n"


def test_a_stale_write_of_a_tag_is_refused(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    read = client.post("/api/tags", {"name": "home"})
    url = f"/api/tags/{read.json()['id']}"
    assert (read["ETag"], read.json()["version"]) == ('"1"', 1)
    changed = client.patch(url, read.json() | {"name": "house"})
    assert (changed.status_code, changed.json()["version"], changed["ETag"]) == (200, 2, '"2"')
    assert client.patch(url, read.json() | {"name": "hut"}).status_code == 412
    assert client.patch(url, {"name": "hut"}, headers={"If-Match": '"1"'}).status_code == 412
    assert client.delete(url, headers={"If-Match": '"1"'}).status_code == 412
    assert Tag.objects.get().name == "house"


def test_erasure_finds_events_of_tags_by_their_user(alice: User, bob: User) -> None:
    """Their key names the tag: with only that, they would stay."""
    for user in (alice, bob):
        tag = Tag.objects.create(user=user, name="home")
        event = {"topic": "tag-events", "type": "tag.created", "key": f"tag:{tag.pk}", "sequence": 1}
        for model in (ParkedEvent, DeadLetter):
            more: dict[str, Any] = {
                "group": "names",
                "attempts": 1,
                "error": "",
                "data": {},
                "user_id": user.pk,
            }
            model.objects.create(**event, **more)
    close_account(alice)
    while erase_closed_accounts():
        OutboxEvent.objects.all().delete()  # as the relay does
    assert not User.objects.filter(pk=alice.pk).exists()
    for model in (ParkedEvent, DeadLetter):
        assert [row.user_id for row in model.objects.all()] == [bob.pk]
