"""`/api/recurring-tasks`: what a template takes, answers and refuses; versions, pausing, running."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts_app.models import User
from recurring_app import services
from recurring_app.models import RecurringTask
from tasks_app.models import SeriesSlot, Tag, Task
from tasks_app.services import merge_tag

pytestmark = pytest.mark.django_db

URL = "/api/recurring-tasks"
NOW = datetime(2030, 6, 3, 12, 0, 20, tzinfo=UTC)  # a Monday, 14:00 in Berlin
DAILY = {"template_title": "Water", "recurrence_pattern": "daily", "starts_at": "2030-06-01T09:00"}
FRIDAYS = {
    "template_title": "Report",
    "recurrence_pattern": "custom",
    "rrule": "FREQ=WEEKLY;BYDAY=FR",
    "starts_at": "2030-06-01T17:00",
}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def client(alice: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(alice)


def make(client: APIClient, **fields: Any) -> dict[str, Any]:
    answer = client.post(URL, DAILY | fields)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def refusals(answer: Any) -> list[tuple[str, str]]:
    return [(error["attr"], error["code"]) for error in answer.json()["errors"]]


class TestCreate:
    def test_all_fields(self, client: APIClient, alice: User) -> None:
        tag = Tag.objects.create(user=alice, name="work")
        body = FRIDAYS | {
            "template_description": "To all",
            "timezone": "America/New_York",
            "ends_at": "2030-12-31",
            "catch_up": "all",
            "due_after_minutes": 60,
            "reminder_offsets": [30, 0, 30],
            "priority": "high",
            "tag_ids": [tag.pk],
        }
        answer = client.post(URL, body)
        made = answer.json()
        assert answer.status_code == 201
        assert answer["Location"] == f"{URL}/{made['id']}"
        assert answer["ETag"] == '"1"'
        assert made == {
            "id": made["id"],
            "template_title": "Report",
            "template_description": "To all",
            "recurrence_pattern": "custom",
            "cron_expression": None,
            "rrule": "FREQ=WEEKLY;BYDAY=FR",
            "recurrence_text": "every Friday at 17:00, America/New_York",
            "timezone": "America/New_York",
            "starts_at": "2030-06-01T17:00:00",
            "ends_at": "2031-01-01T04:59:59Z",
            "catch_up": "all",
            "due_after_minutes": 60,
            "reminder_offsets": [0, 30],
            "priority_id": 3,
            "tag_ids": [tag.pk],
            "is_active": True,
            "next_occurrence": "2030-06-07T21:00:00Z",
            "version": 1,
            "created_at": "2030-06-03T12:00:20Z",
            "updated_at": "2030-06-03T12:00:20Z",
        }
        assert client.get(f"{URL}/{made['id']}").json() == made
        assert client.get(URL).json()["results"] == [made]

    def test_defaults(self, client: APIClient) -> None:
        """The zone is the user's, and it counts from now: the first task comes tomorrow."""
        made = client.post(URL, {"template_title": "Water", "recurrence_pattern": "daily"}).json()
        assert (made["timezone"], made["starts_at"]) == ("Europe/Berlin", "2030-06-03T14:00:00")
        assert made["next_occurrence"] == "2030-06-04T12:00:00Z"
        assert (made["catch_up"], made["due_after_minutes"], made["reminder_offsets"]) == ("latest", None, [])
        assert (made["priority_id"], made["tag_ids"], made["is_active"]) == (2, [], True)

    @pytest.mark.parametrize(
        ("changes", "errors"),
        [
            ({"template_title": ""}, [("template_title", "blank")]),
            ({"recurrence_pattern": "yearly"}, [("recurrence_pattern", "invalid_choice")]),
            ({"recurrence_pattern": "custom"}, [("cron_expression", "required")]),
            ({"cron_expression": "0 9 * * *"}, [("cron_expression", "conflict")]),
            ({"rrule": "FREQ=DAILY"}, [("rrule", "conflict")]),
            (
                {"recurrence_pattern": "custom", "cron_expression": "0 9 * * *", "rrule": "FREQ=DAILY"},
                [("rrule", "conflict")],
            ),
            (
                {"recurrence_pattern": "custom", "cron_expression": "* * * * *"},
                [("cron_expression", "too_frequent")],
            ),
            ({"recurrence_pattern": "custom", "cron_expression": ""}, [("cron_expression", "field_count")]),
            (
                {"recurrence_pattern": "custom", "cron_expression": "0 " * 50},
                [("cron_expression", "too_long")],
            ),
            (
                {"recurrence_pattern": "custom", "cron_expression": "0 9 30 2 *"},
                [("cron_expression", "never_matches")],
            ),
            ({"recurrence_pattern": "custom", "rrule": ""}, [("rrule", "bad_syntax")]),
            ({"recurrence_pattern": "custom", "rrule": "\0"}, [("rrule", "bad_syntax")]),
            (
                {"recurrence_pattern": "custom", "rrule": "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29"}
                | {"starts_at": "2025-01-01T09:00"},
                [("rrule", "no_occurrence")],
            ),
            (
                {"starts_at": "2030-07-01T09:00", "ends_at": "2030-06-30T09:00:00Z"},
                [("ends_at", "ends_before_first")],
            ),
            ({"ends_at": "2030-06-02T09:00:00Z"}, [("ends_at", "past")]),
            ({"timezone": "Mars/Olympus"}, [("timezone", "bad_timezone")]),
            ({"starts_at": "2030-06-01"}, [("starts_at", "local")]),
            ({"starts_at": "2030-06-01T09:00Z"}, [("starts_at", "local")]),
            ({"starts_at": "2030-06-31T09:00"}, [("starts_at", "local")]),
            ({"starts_at": "0001-01-01T09:00"}, [("starts_at", "out_of_range")]),
            ({"reminder_offsets": [5]}, [("reminder_offsets", "needs_due_at")]),
            ({"due_after_minutes": -1}, [("due_after_minutes", "min_value")]),
            ({"due_after_minutes": 10**7}, [("due_after_minutes", "max_value")]),
            ({"catch_up": "none"}, [("catch_up", "invalid_choice")]),
            ({"priority": "none"}, [("priority", "unknown")]),
            ({"tag_ids": [999]}, [("tag_ids", "unknown")]),
            ({"tag_ids": [], "tags": []}, [("tags", "conflict")]),
            ({"next_occurrence": None}, [("next_occurrence", "read_only")]),
            ({"title": "x"}, [("title", "unknown_field")]),
        ],
    )
    def test_refused(self, client: APIClient, changes: dict[str, Any], errors: list[tuple[str, str]]) -> None:
        answer = client.post(URL, DAILY | changes)
        assert (answer.status_code, refusals(answer)) == (400, errors)
        assert not RecurringTask.objects.exists()

    def test_an_rrule_may_have_its_prefix(self, client: APIClient) -> None:
        made = client.post(URL, FRIDAYS | {"rrule": "rrule:FREQ=WEEKLY;BYDAY=FR"}).json()
        assert made["rrule"] == "rrule:FREQ=WEEKLY;BYDAY=FR"
        assert made["next_occurrence"] == "2030-06-07T15:00:00Z"

    def test_not_more_than_the_limit(self, client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "MAX_TEMPLATES", 1)
        make(client)
        answer = client.post(URL, DAILY)
        assert (answer.status_code, refusals(answer)) == (409, [(None, "too_many_templates")])

    def test_once_with_a_key(self, client: APIClient) -> None:
        answers = [client.post(URL, DAILY, headers={"Idempotency-Key": "1"}) for _ in range(2)]
        assert answers[0].content == answers[1].content
        assert RecurringTask.objects.count() == 1


class TestChange:
    def test_a_new_rhythm_counts_from_now(self, client: APIClient) -> None:
        made = make(client)
        changed = client.patch(
            f"{URL}/{made['id']}", {"recurrence_pattern": "custom", "cron_expression": "30 * * * *"}
        ).json()
        assert changed["next_occurrence"] == "2030-06-03T12:30:00Z"
        assert changed["version"] == 2
        moved = client.patch(f"{URL}/{made['id']}", {"timezone": "Asia/Kolkata"}).json()
        assert moved["next_occurrence"] == "2030-06-03T13:00:00Z"

    def test_one_kind_of_rule_replaces_the_other(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}"
        rrule = client.patch(url, {"recurrence_pattern": "custom", "rrule": "FREQ=DAILY"}).json()
        cron = client.patch(url, {"cron_expression": "0 9 * * *"}).json()
        named = client.patch(url, {"recurrence_pattern": "weekly"}).json()
        kinds = [(each["cron_expression"], each["rrule"]) for each in (rrule, cron, named)]
        assert kinds == [(None, "FREQ=DAILY"), ("0 9 * * *", None), (None, None)]

    def test_what_is_due_under_the_old_rhythm_is_not_lost(
        self, client: APIClient, clock: time_machine.Traveller
    ) -> None:
        made = make(client, starts_at="2030-06-03T14:01")
        clock.move_to(NOW + timedelta(minutes=1))
        changed = client.patch(f"{URL}/{made['id']}", {"starts_at": "2030-06-03T18:00"}).json()
        assert [task.occurrence_at for task in Task.objects.all()] == [
            datetime(2030, 6, 3, 12, 1, tzinfo=UTC)
        ]
        assert changed["next_occurrence"] == "2030-06-03T16:00:00Z"

    def test_a_title_moves_nothing_and_checks_no_old_rule(self, client: APIClient) -> None:
        made = make(client)
        RecurringTask.objects.update(recurrence_pattern="custom", cron_expression="*/26,4 * * * *")
        changed = client.patch(f"{URL}/{made['id']}", {"template_title": "All of them"})
        assert changed.status_code == 200
        assert changed.json()["next_occurrence"] == made["next_occurrence"]

    def test_put_gives_defaults_and_keeps_the_clock(self, client: APIClient) -> None:
        made = make(client, catch_up="skip", due_after_minutes=5, tags=["home"], timezone="Asia/Tokyo")
        put = client.put(
            f"{URL}/{made['id']}", {"template_title": "Water", "recurrence_pattern": "daily"}
        ).json()
        kept = ("starts_at", "timezone", "is_active", "next_occurrence")
        assert {name: put[name] for name in kept} == {name: made[name] for name in kept}
        assert (put["catch_up"], put["due_after_minutes"], put["tag_ids"]) == ("latest", None, [])

    def test_what_was_read_can_be_changed_and_sent_back(self, client: APIClient) -> None:
        read = make(client, recurrence_pattern="custom", cron_expression="0 9 * * *", tags=["home"])
        url = f"{URL}/{read['id']}"
        assert client.put(url, read).json() == read
        rrule = client.put(url, read | {"rrule": "FREQ=DAILY"}).json()
        assert (rrule["cron_expression"], rrule["rrule"]) == (None, "FREQ=DAILY")
        named = client.put(url, rrule | {"recurrence_pattern": "weekly", "tags": ["x"]}).json()
        assert (named["rrule"], named["version"]) == (None, 3)
        assert named["tag_ids"] != read["tag_ids"]
        assert (client.put(url, read).status_code, client.patch(url, {"version": 1}).status_code) == (
            412,
            412,
        )
        assert refusals(client.patch(url, {"created_at": "2030-01-01T00:00:00Z"})) == [
            ("created_at", "read_only")
        ]

    def test_nothing_new_is_no_new_version(self, client: APIClient) -> None:
        made = make(client, tags=["home"])
        same = client.patch(f"{URL}/{made['id']}", {"template_title": "Water", "tag_ids": made["tag_ids"]})
        assert same.json() == made

    def test_versions(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}"
        assert client.get(url, headers={"If-None-Match": '"1"'}).status_code == 304
        assert client.patch(url, {"template_title": "a"}, headers={"If-Match": '"1"'}).status_code == 200
        for stale in (
            client.patch(url, {"template_title": "b"}, headers={"If-Match": '"1"'}),
            client.post(f"{url}/pause", headers={"If-Match": '"1"'}),
            client.delete(url, headers={"If-Match": '"1"'}),
        ):
            assert stale.status_code == 412
        assert client.get(url).json()["template_title"] == "a"

    def test_an_end_before_the_next_finishes_it_and_a_later_one_revives_it(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}"
        finished = client.patch(url, {"ends_at": "2030-06-03"}).json()
        assert (finished["is_active"], finished["next_occurrence"]) == (False, None)
        assert refusals(client.post(f"{url}/resume")) == [(None, "finished")]
        revived = client.patch(url, {"ends_at": None}).json()
        assert (revived["is_active"], revived["next_occurrence"]) == (True, "2030-06-04T07:00:00Z")

    def test_losing_a_tag_is_a_new_version(self, client: APIClient, alice: User) -> None:
        made = make(client, tags=["home", "garden"])
        home, garden = (Tag.objects.get(pk=pk) for pk in made["tag_ids"])
        merge_tag(home, into=garden)
        read = client.get(f"{URL}/{made['id']}").json()
        assert (read["tag_ids"], read["version"]) == ([garden.pk], 2)


class TestPause:
    def test_what_was_missed_is_not_made_up(self, client: APIClient, clock: time_machine.Traveller) -> None:
        url = f"{URL}/{make(client, catch_up='all')['id']}"
        paused = client.post(f"{url}/pause").json()
        assert (paused["is_active"], paused["version"]) == (False, 2)
        clock.move_to(NOW + timedelta(days=3))
        resumed = client.post(f"{url}/resume").json()
        assert (resumed["is_active"], resumed["next_occurrence"]) == (True, "2030-06-07T07:00:00Z")
        assert not Task.objects.exists()
        assert list(SeriesSlot.objects.values_list("outcome", flat=True)) == ["skipped"] * 3

    def test_again_changes_nothing(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}"
        assert client.post(f"{url}/resume").json()["version"] == 1
        assert [client.post(f"{url}/pause").json()["version"] for _ in range(2)] == [2, 2]

    def test_by_the_field(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}"
        assert client.patch(url, {"is_active": False}).json()["is_active"] is False
        assert client.patch(url, {"is_active": True}).json()["is_active"] is True

    def test_what_is_due_is_generated_before(self, client: APIClient, clock: time_machine.Traveller) -> None:
        url = f"{URL}/{make(client, starts_at='2030-06-03T14:01')['id']}"
        clock.move_to(NOW + timedelta(minutes=1))
        client.post(f"{url}/pause")
        assert Task.objects.count() == 1

    def test_a_paused_one_stays_paused_with_a_new_rhythm(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}"
        client.post(f"{url}/pause")
        changed = client.patch(url, {"starts_at": "2030-06-01T20:00"}).json()
        assert (changed["is_active"], changed["next_occurrence"]) == (False, "2030-06-03T18:00:00Z")


class TestRun:
    def test_a_task_of_this_minute(self, client: APIClient, clock: time_machine.Traveller) -> None:
        made = make(client, due_after_minutes=30, reminder_offsets=[30], tags=["home"], priority="High")
        answer = client.post(f"{URL}/{made['id']}/run")
        task = answer.json()
        assert answer.status_code == 201
        assert client.get(answer["Location"]).json() == task
        expected = {
            "title": "Water",
            "occurrence_at": "2030-06-03T12:00:00Z",
            "due_at": "2030-06-03T12:30:00Z",
            "reminder_offsets": [30],
            "recurring_task_id": made["id"],
            "tag_ids": made["tag_ids"],
            "priority_id": 3,
            "is_recurring": False,
        }
        assert {name: task[name] for name in expected} == expected
        assert client.get(f"{URL}/{made['id']}").json() == made
        clock.move_to(NOW + timedelta(seconds=30))
        assert client.post(f"{URL}/{made['id']}/run").json() == task
        clock.move_to(NOW + timedelta(minutes=1))
        assert client.post(f"{URL}/{made['id']}/run").json()["id"] != task["id"]

    def test_its_reminder_of_this_minute_rings(self, client: APIClient) -> None:
        made = make(client, due_after_minutes=30, reminder_offsets=[30, 60])
        task = client.post(f"{URL}/{made['id']}/run").json()
        assert Task.objects.get(pk=task["id"]).next_reminder_at == NOW.replace(second=0)

    def test_after_its_task_was_erased(self, client: APIClient) -> None:
        url = f"{URL}/{make(client)['id']}/run"
        first = client.post(url).json()
        Task.objects.all().delete()
        assert client.post(url).json()["id"] != first["id"]


def test_deleting_leaves_its_tasks(client: APIClient) -> None:
    url = f"{URL}/{make(client)['id']}"
    task = client.post(f"{url}/run").json()
    assert client.delete(url).status_code == 204
    assert client.get(f"/api/tasks/{task['id']}").json()["recurring_task_id"] is None


def test_lists(client: APIClient) -> None:
    water, report = make(client), make(client, template_title="Report", template_description="for 100%")
    client.post(f"{URL}/{water['id']}/pause")

    def ids(**query: str) -> list[int]:
        return [each["id"] for each in client.get(URL, query).json()["results"]]

    assert ids() == [report["id"], water["id"]]
    assert ids(is_active="true") == [report["id"]]
    assert ids(q="wat") == [water["id"]]
    assert ids(q="100%") == [report["id"]]
    assert ids(ordering="-template_title") == [water["id"], report["id"]]
    assert client.get(URL, {"page_size": "1"}).json()["next"]


def test_history_and_what_comes(client: APIClient, clock: time_machine.Traveller) -> None:
    url = f"{URL}/{make(client)['id']}"
    tasks = []
    for minute in range(4):
        clock.move_to(NOW + timedelta(minutes=minute))
        tasks.append(client.post(f"{url}/run").json()["id"])
    client.post(f"/api/tasks/{tasks[1]}/complete")
    client.delete(f"/api/tasks/{tasks[2]}")
    client.delete(f"/api/tasks/{tasks[3]}?permanent=true")
    page = client.get(f"{url}/occurrences").json()
    assert [(each["state"], each["task_id"]) for each in page["results"]] == [
        ("deleted", None),
        ("deleted", tasks[2]),
        ("done", tasks[1]),
        ("open", tasks[0]),
    ]
    assert page["results"][3]["occurrence_at"] == "2030-06-03T12:00:00Z"
    assert page["upcoming"] == [f"2030-06-0{day}T09:00+02:00" for day in range(4, 9)]
    client.post(f"{url}/pause")
    assert client.get(f"{url}/occurrences").json()["upcoming"] == []


def test_preview(client: APIClient) -> None:
    url = f"{URL}/{make(client, ends_at='2030-06-05')['id']}"
    assert client.get(f"{url}/preview").json() == {
        "occurrences": ["2030-06-04T09:00+02:00", "2030-06-05T09:00+02:00"],
        "next": None,
        "ends": True,
        "missed": None,
        "description": "every day at 09:00, Europe/Berlin",
    }
    assert len(client.get(f"{url}/preview", {"count": "1"}).json()["occurrences"]) == 1
    assert refusals(client.get(f"{url}/preview", {"count": "101"})) == [("count", "invalid")]


def test_a_rule_of_earlier_code_is_still_shown(client: APIClient) -> None:
    url = f"{URL}/{make(client)['id']}"
    RecurringTask.objects.update(recurrence_pattern="custom", cron_expression="0 9 4,*/26 * *")
    assert client.get(url).json()["recurrence_text"] == "cron:0 9 4,*/26 * *"
    assert client.get(f"{url}/occurrences").json()["upcoming"] == []
    answer = client.get(f"{url}/preview")
    assert (answer.status_code, refusals(answer)) == (409, [(None, "bad_syntax")])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "/pause", None, 200),
        ("post", "/resume", None, 409),
        ("patch", "", {"is_active": True}, 409),
        ("post", "/run", None, 201),
        ("patch", "", {"recurrence_pattern": "daily"}, 200),
        ("delete", "", None, 204),
    ],
)
def test_a_rule_of_earlier_code_is_never_an_error_of_ours(
    method: str, path: str, body: dict[str, Any] | None, status: int, client: APIClient
) -> None:
    url = f"{URL}/{make(client, is_active=False)['id']}"
    RecurringTask.objects.update(recurrence_pattern="custom", cron_expression="0 9 4,*/26 * *")
    answer = getattr(client, method)(f"{url}{path}", body)
    assert answer.status_code == status
    if status == 409:
        assert refusals(answer) == [(None, "bad_syntax")]


@pytest.mark.parametrize(
    ("field", "code"),
    [({"tags": ["ho\u200bme"]}, "hidden_character"), ({"template_title": "\u2800"}, "blank")],
)
def test_names_that_no_one_sees(field: dict[str, Any], code: str, client: APIClient) -> None:
    """As in tasks: what is generated could not be sent back otherwise."""
    answer = client.post(URL, DAILY | field)
    assert (answer.status_code, [one for _, one in refusals(answer)]) == (400, [code])


def test_a_description_keeps_its_space(client: APIClient) -> None:
    text = "  - milk\n  - bread\n"
    assert make(client, template_description=text)["template_description"] == text
