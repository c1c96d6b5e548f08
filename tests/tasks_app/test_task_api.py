"""Tasks over HTTP: create, read, change, trash, restore, erase."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag, Task
from tasks_app.services import create_task
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIELDS = {
    *("id", "title", "description", "completed", "completed_at", "color", "pinned", "archived", "deleted_at"),
    "external_id",
    *("all_day", "due_date", "rings_in_quiet_hours"),
    *("due_at", "reminder_at", "reminder_offsets", "reminder_sent", "snoozed_until", "is_recurring"),
    *("recurrence_rule", "recurrence_end", "recurrence_mode", "timezone", "occurrence_at", "parent_task_id"),
    *("series_id", "slot_state"),
    *(
        "recurrence_text",
        "recurring_task_id",
        "priority_id",
        "tag_ids",
        "version",
        "created_at",
        "updated_at",
    ),
}


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


@pytest.fixture
def task(alice: User) -> Task:
    return create_task(alice, title="water the plants", description="all", color="green")


def url(task: Task, action: str = "") -> str:
    return f"/api/tasks/{task.pk}" + (f"/{action}" if action else "")


def errors(response) -> dict[str, str]:
    assert response.status_code == 400, response.content
    return {error["attr"]: error["code"] for error in response.json()["errors"]}


class TestCreate:
    def test_the_least(self, client: APIClient, alice: User) -> None:
        with recorded() as found:
            response = client.post("/api/tasks", {"title": "  water the plants "})
        assert response.status_code == 201
        answer = response.json()
        assert set(answer) == FIELDS
        assert answer["title"] == "water the plants"
        assert (answer["priority_id"], answer["version"], answer["timezone"]) == (2, 1, "Europe/Berlin")
        assert answer["created_at"] == "2026-05-01T12:00:00Z"
        task = Task.objects.get(pk=answer["id"])
        assert task.user == alice
        assert found.types == [("task.created", task.pk)]

    def test_everything(self, client: APIClient, alice: User) -> None:
        tag = Tag.objects.create(user=alice, name="garden")
        body = {
            "title": "water the plants",
            "description": "all of them",
            "color": "green",
            "pinned": True,
            "archived": False,
            "due_at": "2026-05-02T09:00:00+02:00",
            "reminder_offsets": [60, 5, 60],
            "rings_in_quiet_hours": True,
            "recurrence_rule": "daily",
            "recurrence_end": "2026-06-01",
            "recurrence_mode": "after_completion",
            "timezone": "Asia/Tokyo",
            "priority_id": 4,
            "tag_ids": [tag.pk],
        }
        answer = client.post("/api/tasks", body).json()
        assert answer["due_at"] == "2026-05-02T07:00:00Z"
        assert answer["reminder_offsets"] == [5, 60]
        assert answer["rings_in_quiet_hours"] is True
        assert answer["is_recurring"] is True
        assert answer["recurrence_end"] == "2026-06-01T14:59:59Z"
        assert answer["occurrence_at"] == "2026-05-02T07:00:00Z"
        assert (answer["tag_ids"], answer["priority_id"], answer["version"]) == ([tag.pk], 4, 1)

    def test_by_names_new_tags_are_made(self, client: APIClient, alice: User) -> None:
        Tag.objects.create(user=alice, name="home")
        with recorded() as found:
            answer = client.post(
                "/api/tasks", {"title": "x", "priority": "high", "tags": ["home", "new"]}
            ).json()
        assert answer["priority_id"] == 3
        assert len(answer["tag_ids"]) == 2
        assert set(alice.tags.values_list("name", flat=True)) == {"home", "new"}
        assert found.types == [("task.created", answer["id"])]

    def test_a_refused_task_leaves_no_tag_behind(self, client: APIClient, alice: User) -> None:
        errors(client.post("/api/tasks", {"title": "", "tags": ["new"]}))
        errors(client.post("/api/tasks", {"title": "x", "tags": ["new"], "reminder_offsets": [5]}))
        assert not alice.tags.exists()

    @pytest.mark.parametrize(
        ("body", "attr", "code"),
        [
            ({}, "title", "required"),
            ({"title": " "}, "title", "blank"),
            ({"title": "x" * 201}, "title", "max_length"),
            ({"title": None}, "title", "null"),
            ({"title": "a\0b"}, "title", "null_characters_not_allowed"),
            ({"description": "x" * 1001}, "description", "max_length"),
            ({"surprise": 1}, "surprise", "unknown_field"),
            ({"deleted_at": None}, "deleted_at", "read_only"),
            ({"version": 9}, "version", "read_only"),
            ({"user_id": "x"}, "user_id", "unknown_field"),
            ({"series_id": "x"}, "series_id", "read_only"),
            ({"anchor_local": "x"}, "anchor_local", "unknown_field"),
            ({"due_at": "2026-05-02T09:00:00"}, "due_at", "naive"),
            ({"due_at": "tomorrow"}, "due_at", "invalid"),
            ({"due_at": "9999-12-31T23:59:59-12:00"}, "due_at", "out_of_range"),
            ({"due_at": "0001-01-01T00:00:00+12:00"}, "due_at", "out_of_range"),
            ({"reminder_at": "2026-05-01T11:59:59Z"}, "reminder_at", "past"),
            ({"reminder_offsets": [5]}, "reminder_offsets", "needs_due_at"),
            ({"due_at": "2026-05-02T09:00:00Z", "reminder_offsets": [-1]}, "reminder_offsets.0", "min_value"),
            (
                {"due_at": "2026-05-02T09:00:00Z", "reminder_offsets": list(range(11))},
                "reminder_offsets",
                "max_length",
            ),
            (
                {
                    "due_at": "2026-05-02T09:00:00Z",
                    "reminder_offsets": [5],
                    "reminder_at": "2026-05-02T09:00:00Z",
                },
                "reminder_offsets",
                "conflict",
            ),
            ({"is_recurring": True}, "is_recurring", "conflict"),
            ({"is_recurring": False, "recurrence_rule": "daily"}, "is_recurring", "conflict"),
            ({"recurrence_rule": "hourly"}, "recurrence_rule", "unknown_rule"),
            ({"recurrence_rule": ""}, "recurrence_rule", "unknown_rule"),
            ({"recurrence_rule": "cron:" + "1," * 60}, "recurrence_rule", "too_long"),
            ({"recurrence_rule": "cron:* * * * *"}, "recurrence_rule", "too_frequent"),
            ({"recurrence_rule": "daily", "timezone": "Mars/Olympus"}, "timezone", "bad_timezone"),
            (
                {"recurrence_rule": "weekdays", "recurrence_mode": "after_completion"},
                "recurrence_mode",
                "mode_not_allowed",
            ),
            ({"recurrence_mode": "sometimes"}, "recurrence_mode", "invalid_choice"),
            (
                {"recurrence_rule": "daily", "recurrence_end": "2026-04-30"},
                "recurrence_end",
                "ends_before_first",
            ),
            (
                {
                    "due_at": "2026-04-01T09:00:00Z",
                    "recurrence_rule": "daily",
                    "recurrence_end": "2026-04-30",
                },
                "recurrence_end",
                "past",
            ),
            ({"recurrence_end": "2026-06-01"}, "recurrence_end", "needs_rule"),
            ({"apply_to": "all"}, "apply_to", "invalid_choice"),
            ({"due_at": "2026-05-02T09:00:00Z", "apply_to": "following"}, "apply_to", "needs_rule"),
            ({"recurrence_end": "2026-02-30"}, "recurrence_end", "invalid"),
            ({"timezone": ""}, "timezone", "blank"),
            ({"timezone": "Mars/Olympus", "recurrence_end": "2026-06-01"}, "timezone", "bad_timezone"),
            ({"priority_id": 99}, "priority_id", "unknown"),
            ({"priority_id": 10**30}, "priority_id", "max_value"),
            ({"priority": "Urgent"}, "priority", "unknown"),
            ({"priority": "Low", "priority_id": 1}, "priority", "conflict"),
            ({"tag_ids": [10**9]}, "tag_ids", "unknown"),
            ({"tags": ["a"], "tag_ids": []}, "tags", "conflict"),
            ({"tags": ["x" * 51]}, "tags.0", "max_length"),
            ({"pinned": "perhaps"}, "pinned", "invalid"),
        ],
    )
    def test_what_is_wrong_is_named(self, client: APIClient, body: dict, attr: str, code: str) -> None:
        body = body if "title" in body or code == "required" else {"title": "x"} | body
        assert errors(client.post("/api/tasks", body)).get(attr) == code
        assert not Task.objects.exists()

    def test_another_users_tag_is_unknown(self, client: APIClient, bob: User) -> None:
        tag = Tag.objects.create(user=bob, name="his")
        assert errors(client.post("/api/tasks", {"title": "x", "tag_ids": [tag.pk]})) == {
            "tag_ids": "unknown"
        }


class TestPatch:
    def test_what_is_not_sent_is_not_touched(self, client: APIClient, task: Task) -> None:
        answer = client.patch(url(task), {"title": "renamed"}).json()
        assert (answer["title"], answer["description"], answer["color"]) == ("renamed", "all", "green")
        assert answer["version"] == 2

    def test_nothing_changed_is_no_version_and_no_event(self, client: APIClient, task: Task) -> None:
        with recorded() as found:
            assert client.patch(url(task), {"title": task.title}).json()["version"] == 1
            assert client.patch(url(task), {}).status_code == 200
        assert found.events == []

    @pytest.mark.django_db(transaction=True)  # each request commits, as it does for a client
    def test_fields_and_tags_are_one_version_and_one_event(self, client: APIClient, task: Task) -> None:
        with recorded() as found:
            answer = client.patch(url(task), {"title": "renamed", "tags": ["new"]}).json()
        assert answer["version"] == 2
        assert found.types == [("task.updated", task.pk)]

    @pytest.mark.django_db(transaction=True)  # each request commits, as it does for a client
    def test_tags_alone(self, client: APIClient, task: Task) -> None:
        answer = client.patch(url(task), {"tags": ["one", "two"]}).json()
        assert (answer["version"], len(answer["tag_ids"])) == (2, 2)
        kept = answer["tag_ids"][:1]
        answer = client.patch(url(task), {"tag_ids": kept}).json()
        assert (answer["version"], answer["tag_ids"]) == (3, kept)

    def test_a_reminder_that_has_passed_does_not_stop_other_changes(self, client, task: Task, frozen) -> None:
        client.patch(url(task), {"reminder_at": "2026-05-01T13:00:00Z"})
        frozen.shift(timedelta(days=1))
        response = client.patch(url(task), {"title": "renamed", "reminder_at": "2026-05-01T13:00:00Z"})
        assert response.status_code == 200

    def test_turning_recurrence_off(self, client: APIClient, task: Task) -> None:
        client.patch(url(task), {"recurrence_rule": "daily"})
        answer = client.patch(url(task), {"is_recurring": False}).json()
        assert (answer["is_recurring"], answer["recurrence_rule"], answer["occurrence_at"]) == (
            False,
            None,
            None,
        )

    def test_offsets_cannot_lose_their_due_date(self, client: APIClient, task: Task) -> None:
        client.patch(url(task), {"due_at": "2026-05-02T09:00:00Z", "reminder_offsets": [5]})
        assert errors(client.patch(url(task), {"due_at": None})) == {"reminder_offsets": "needs_due_at"}

    def test_the_mode_is_checked_against_the_rule_there_is(self, client: APIClient, task: Task) -> None:
        client.patch(url(task), {"recurrence_rule": "weekdays"})
        wrong = client.patch(url(task), {"recurrence_mode": "after_completion"})
        assert errors(wrong) == {"recurrence_mode": "mode_not_allowed"}

    def test_a_failed_change_changes_nothing(self, client: APIClient, task: Task, alice: User) -> None:
        errors(client.patch(url(task), {"title": "renamed", "tags": ["new"], "priority_id": 99}))
        assert Task.objects.get(pk=task.pk).title == "water the plants"
        assert not alice.tags.exists()


class TestPut:
    def test_what_is_not_sent_goes_back_to_its_default(self, client: APIClient, task: Task) -> None:
        client.patch(url(task), {"tags": ["one"], "recurrence_rule": "daily", "priority_id": 4})
        answer = client.put(url(task), {"title": "renamed"}).json()
        assert (answer["description"], answer["color"], answer["tag_ids"]) == (None, "default", [])
        assert (answer["recurrence_rule"], answer["priority_id"]) == (None, 2)

    def test_a_title_is_needed(self, client: APIClient, task: Task) -> None:
        assert errors(client.put(url(task), {"color": "red"})) == {"title": "required"}


class TestCompletion:
    def test_complete_and_reopen(self, client: APIClient, task: Task) -> None:
        answer = client.post(url(task, "complete")).json()
        assert (answer["completed"], answer["completed_at"]) == (True, "2026-05-01T12:00:00Z")
        answer = client.post(url(task, "reopen")).json()
        assert (answer["completed"], answer["completed_at"], answer["version"]) == (False, None, 3)

    def test_completing_again_changes_nothing(self, client: APIClient, task: Task, frozen) -> None:
        first = client.post(url(task, "complete")).json()
        frozen.shift(timedelta(hours=1))
        with recorded() as found:
            assert client.post(url(task, "complete")).json() == first
        assert found.events == []

    def test_reopening_does_not_ring_the_past(self, client: APIClient, task: Task, frozen) -> None:
        client.patch(url(task), {"reminder_at": "2026-05-01T13:00:00Z"})
        client.post(url(task, "complete"))
        frozen.shift(timedelta(hours=2))
        client.post(url(task, "reopen"))
        assert Task.objects.get(pk=task.pk).next_reminder_at is None


class TestTrash:
    def test_delete_restores(self, client: APIClient, task: Task) -> None:
        assert client.delete(url(task)).status_code == 204
        assert client.get("/api/tasks").json()["results"] == []
        assert client.get("/api/tasks?trash=true").json()["results"][0]["id"] == task.pk
        assert client.get(url(task)).json()["deleted_at"] == "2026-05-01T12:00:00Z"
        assert client.post(url(task, "restore")).json()["deleted_at"] is None

    @pytest.mark.django_db(transaction=True)  # each request commits, as it does for a client
    def test_deleting_again_is_no_second_event(self, client: APIClient, task: Task) -> None:
        with recorded() as found:
            assert [client.delete(url(task)).status_code for _ in range(2)] == [204, 204]
        assert found.types == [("task.deleted", task.pk)]

    def test_permanent(self, client: APIClient, task: Task) -> None:
        assert client.delete(url(task) + "?permanent=true").status_code == 204
        assert client.get(url(task)).status_code == 404
        assert client.delete(url(task) + "?permanent=true").status_code == 404

    def test_permanent_takes_true_or_false(self, client: APIClient, task: Task) -> None:
        assert "permanent" in errors(client.delete(url(task) + "?permanent=yes"))
        assert Task.objects.filter(pk=task.pk).exists()

    @pytest.mark.parametrize("action", ["complete", "reopen"])
    def test_what_is_in_the_trash_is_not_worked_on(self, client: APIClient, task: Task, action: str) -> None:
        client.delete(url(task))
        response = client.post(url(task, action))
        assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "in_trash")
        assert client.patch(url(task), {"title": "x"}).status_code == 409


class TestOthers:
    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    def test_another_users_task_is_not_found(self, client_of, bob: User, task: Task, method: str) -> None:
        response = getattr(client_of(bob), method)(url(task), {"title": "mine"} if method != "get" else None)
        assert response.status_code == 404
        assert Task.objects.get(pk=task.pk).title == "water the plants"

    @pytest.mark.parametrize("action", ["complete", "reopen", "restore"])
    def test_nor_can_it_be_acted_on(self, client_of, bob: User, task: Task, action: str) -> None:
        assert client_of(bob).post(url(task, action)).status_code == 404

    def test_nor_listed(self, client_of, bob: User, task: Task) -> None:
        assert client_of(bob).get("/api/tasks").json()["results"] == []

    def test_without_a_token(self, db: None) -> None:
        response = APIClient().get("/api/tasks")
        assert response.status_code == 401
        assert response.json()["errors"][0]["code"] == "not_authenticated"

    @pytest.mark.parametrize("task_id", ["0", "-1", "abc", str(10**30), "1.5"])
    def test_an_id_that_is_none(self, client: APIClient, task_id: str) -> None:
        assert client.get(f"/api/tasks/{task_id}").status_code == 404

    @pytest.mark.parametrize("write", ["+{}", "%20{}", "{}%20", "{}_0"])
    def test_an_id_that_only_python_takes_for_a_number(
        self, client: APIClient, alice: User, write: str
    ) -> None:
        for task in [create_task(alice, title=str(number)) for number in range(11)]:
            assert client.delete(f"/api/tasks/{write.format(task.pk)}").status_code == 404

    @pytest.mark.django_db(transaction=True)
    def test_options_name_what_can_be_done(self, client: APIClient, task: Task) -> None:
        answer = client.options(url(task))
        assert answer.status_code == 200
        assert answer.headers["Allow"] == "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
