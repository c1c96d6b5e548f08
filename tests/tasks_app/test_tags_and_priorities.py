"""Tags are their owner's; priorities are read by all and written by staff."""

from typing import Any

import pytest

from accounts_app.models import User
from tasks_app import task_serializer
from tasks_app.models import Priority, Tag, Task
from tasks_app.services import create_task, trash_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff@example.test", "x")


class TestTags:
    def test_create_read_rename_delete(self, client_of, alice: User) -> None:
        client = client_of(alice)
        created = client.post("/api/tags", {"name": "home"})
        assert created.status_code == 201
        assert created.json() | {"created_at": 0} == {
            "id": created.json()["id"], "name": "home", "color": "#6B7280", "created_at": 0,
            "task_count": None, "version": 1,
        }  # fmt: skip
        url = f"/api/tags/{created.json()['id']}"
        assert client.patch(url, {"name": "house", "color": "#FF0000"}).json()["name"] == "house"
        assert client.get("/api/tags").json()["results"][0]["color"] == "#FF0000"
        assert client.delete(url).status_code == 204
        assert client.get(url).status_code == 404

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 51}, "name"),
            ({"name": "x", "color": "red"}, "color"),
            ({}, "name"),
        ],
    )
    def test_what_is_wrong_is_named(self, client_of, alice: User, body: dict, attr: str) -> None:
        response = client_of(alice).post("/api/tags", body)
        assert response.status_code == 400
        assert response.json()["errors"][0]["attr"] == attr

    def test_a_name_once_per_user(self, client_of, alice: User, bob: User) -> None:
        assert client_of(alice).post("/api/tags", {"name": "home"}).status_code == 201
        again = client_of(alice).post("/api/tags", {"name": "home"})
        (error,) = again.json()["errors"]
        assert (again.status_code, error["attr"], error["code"]) == (400, "name", "unique")
        assert client_of(bob).post("/api/tags", {"name": "home"}).status_code == 201

    def test_renaming_to_a_name_that_is_taken(self, client_of, alice: User) -> None:
        Tag.objects.create(user=alice, name="home")
        other = Tag.objects.create(user=alice, name="garden")
        assert client_of(alice).patch(f"/api/tags/{other.pk}", {"name": "home"}).status_code == 400
        assert client_of(alice).patch(f"/api/tags/{other.pk}", {"name": "garden"}).status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_deleting_one_changes_its_tasks(self, client_of, alice: User) -> None:
        tag = Tag.objects.create(user=alice, name="home")
        task = create_task(alice, title="x", tags=[tag])
        with recorded() as found:
            client_of(alice).delete(f"/api/tags/{tag.pk}")
        assert client_of(alice).get(f"/api/tasks/{task.pk}").json()["tag_ids"] == []
        assert found.types == [("task.updated", task.pk)]

    @pytest.mark.parametrize("method", ["get", "patch", "delete"])
    def test_another_users_tag_is_not_found(self, client_of, alice: User, bob: User, method: str) -> None:
        tag = Tag.objects.create(user=alice, name="home")
        response = getattr(client_of(bob), method)(
            f"/api/tags/{tag.pk}", {"name": "x"} if method == "patch" else None
        )
        assert response.status_code == 404
        assert client_of(bob).get("/api/tags").json()["results"] == []


class TestPriorities:
    def test_read_by_all_in_the_order_of_level(self, client_of, alice: User) -> None:
        names = [row["name"] for row in client_of(alice).get("/api/priorities").json()["results"]]
        assert names == ["Low", "Medium", "High", "Critical"]

    def test_not_written_by_users(self, client_of, alice: User) -> None:
        body = {"name": "Special", "level": 5, "color": "#000000"}
        client = client_of(alice)
        assert client.post("/api/priorities", body).status_code == 403
        assert client.patch("/api/priorities/1", {"name": "x"}).status_code == 403
        assert client.delete("/api/priorities/1").status_code == 403

    def test_written_by_staff(self, client_of, staff: User) -> None:
        client = client_of(staff)
        created = client.post("/api/priorities", {"name": "Special", "level": 5, "color": "#000000"})
        assert created.status_code == 201
        url = f"/api/priorities/{created.json()['id']}"
        assert client.patch(url, {"color": "#FFFFFF"}).json()["color"] == "#FFFFFF"
        assert client.delete(url).status_code == 204

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({"name": "Low", "level": 5, "color": "#000000"}, "name"),
            ({"name": "low", "level": 5, "color": "#000000"}, "name"),
            ({"name": "New", "level": 2, "color": "#000000"}, "level"),
            ({"name": "New", "level": 6, "color": "#000000"}, "level"),
            ({"name": "New", "level": 0, "color": "#000000"}, "level"),
            ({"name": "New", "level": 5, "color": "black"}, "color"),
        ],
    )
    def test_what_is_wrong_is_named(self, client_of, staff: User, body: dict, attr: str) -> None:
        response = client_of(staff).post("/api/priorities", body)
        assert response.status_code == 400
        assert {error["attr"] for error in response.json()["errors"]} == {attr}

    def test_a_name_in_other_case_is_the_same_name(self, client_of, staff: User) -> None:
        client, url = client_of(staff), f"/api/priorities/{Priority.objects.get(name='High').pk}"
        assert client.patch(url, {"name": "HIGH"}).json()["name"] == "HIGH"
        assert client.patch(url, {"name": "MEDIUM"}).json()["errors"] == [
            {"code": "unique", "detail": "A priority with this name already exists.", "attr": "name"}
        ]

    def test_one_in_use_or_the_default_is_kept(self, client_of, staff: User, alice: User) -> None:
        create_task(alice, title="x", priority_id=3)
        for pk in (2, 3):
            assert client_of(staff).delete(f"/api/priorities/{pk}").status_code == 409
        assert Priority.objects.count() == 4


@pytest.mark.django_db(transaction=True)
class TestMerge:
    def test_every_task_has_the_other_one_then(self, client_of, alice: User) -> None:
        home, house = (Tag.objects.create(user=alice, name=name) for name in ("home", "house"))
        only, both = (
            create_task(alice, title="only", tags=[home]),
            create_task(alice, title="both", tags=[home, house]),
        )
        other = create_task(alice, title="other", tags=[house])
        with recorded() as found:
            response = client_of(alice).post(f"/api/tags/{home.pk}/merge", {"into": house.pk})
        assert (response.status_code, response.json()["name"]) == (200, "house")
        assert list(alice.tags.all()) == [house]
        tags = {task.title: [tag.name for tag in task.tags.all()] for task in alice.tasks.all()}
        assert tags == {"only": ["house"], "both": ["house"], "other": ["house"]}
        assert sorted(found.types) == [("task.updated", only.pk), ("task.updated", both.pk)]
        assert alice.tasks.get(pk=other.pk).version == 1

    @pytest.mark.parametrize("into", ["itself", "bobs", None, "x"])
    def test_into_what_is_not_there(self, client_of, alice: User, bob: User, into: str | None) -> None:
        home = Tag.objects.create(user=alice, name="home")
        ids = {"itself": home.pk, "bobs": Tag.objects.create(user=bob, name="his").pk}
        response = client_of(alice).post(f"/api/tags/{home.pk}/merge", {"into": ids.get(into, into)})
        assert response.status_code == 400
        assert response.json()["errors"][0]["attr"] == "into"
        assert Tag.objects.count() == 2


def test_tags_are_counted_on_request(client_of, alice: User, django_assert_max_num_queries) -> None:
    home = Tag.objects.create(user=alice, name="home")
    Tag.objects.create(user=alice, name="empty")
    for title in ("one", "two"):
        create_task(alice, title=title, tags=[home])
    trash_task(create_task(alice, title="trashed", tags=[home]))
    client = client_of(alice)
    with django_assert_max_num_queries(1):
        answer = client.get("/api/tags?task_count=true").json()["results"]
    assert {tag["name"]: tag["task_count"] for tag in answer} == {"home": 2, "empty": 0}
    assert client.get(f"/api/tags/{home.pk}?task_count=true").json()["task_count"] == 2
    assert client.get("/api/tags").json()["results"][0]["task_count"] is None
    assert client.get("/api/tags?task_count=yes").status_code == 400


def test_every_answer_with_a_tag_has_its_count(client_of, alice: User) -> None:
    client = client_of(alice)
    tag = client.post("/api/tags", {"name": "home"}).json()
    answers = [tag, client.get(f"/api/tags/{tag['id']}").json()]
    answers.append(client.patch(f"/api/tags/{tag['id']}", {"color": "#112233"}).json())
    assert [answer["task_count"] for answer in answers] == [None] * 3


@pytest.mark.django_db(transaction=True)  # the foreign key is checked at the commit
def test_a_priority_that_is_deleted_at_the_same_moment(
    client_of, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when the request was checked, and is not when it is committed."""
    priority_id = Priority.objects.get(level=4).pk

    def create_after_its_deletion(*args: Any, **fields: Any) -> Task:
        Priority.objects.get(pk=priority_id).delete()
        return create_task(*args, **fields)

    monkeypatch.setattr(task_serializer, "create_task", create_after_its_deletion)
    answer = client_of(alice).post("/api/tasks", {"title": "b", "priority_id": priority_id})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "conflict")
    assert not Task.objects.exists()


def test_a_priority_that_was_deleted_is_unknown_at_once(client_of, alice: User) -> None:
    client, priority_id = client_of(alice), Priority.objects.get(level=4).pk
    assert client.post("/api/tasks", {"title": "a", "priority_id": priority_id}).status_code == 201
    Task.objects.all().delete()
    Priority.objects.get(pk=priority_id).delete()
    answer = client.post("/api/tasks", {"title": "b", "priority_id": priority_id})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unknown")
