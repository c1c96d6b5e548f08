import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http_app.site")]


def errors(method: str, url: str) -> dict[str, tuple[str, str]]:
    answer = APIClient().generic(method, url)
    assert answer.status_code == 400, answer.content
    assert answer.json()["type"] == "validation_error"
    return {error["attr"]: (error["code"], error["detail"]) for error in answer.json()["errors"]}


def test_a_list_names_each_unknown_parameter_and_those_there_are() -> None:
    known = "colour, cursor, ordering, page_size, pinned, priority"
    expected = ("unknown_parameter", f"Unknown parameter. Allowed: {known}.")
    assert errors("GET", "/api/tasks?pined=true&limit=5") == {"pined": expected, "limit": expected}


def test_a_list_without_filters_is_strict_too() -> None:
    levels = [row["level"] for row in APIClient().get("/api/priorities?ordering=-level").json()["results"]]
    assert levels == [4, 3, 2, 1]
    assert set(errors("GET", "/api/priorities?name=High")) == {"name"}


def test_head_is_as_strict_as_get() -> None:
    assert APIClient().head("/api/tasks?pined=true").status_code == 400


def test_format_is_no_more_known_than_others() -> None:
    assert set(errors("GET", "/api/priorities?format=xml")) == {"format"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_one_object_takes_no_parameters(method: str) -> None:
    expected = {"cursor": ("unknown_parameter", "Unknown parameter. This request has none.")}
    assert errors(method, "/api/priorities/1?cursor=x") == expected


def test_a_write_to_a_list_does_not_take_the_lists_parameters() -> None:
    assert set(errors("POST", "/api/priorities?page_size=5")) == {"page_size"}


def test_what_the_view_names_is_known_for_its_method() -> None:
    assert APIClient().get("/api/tasks?colour=red").status_code == 200


def test_a_single_value_is_given_once() -> None:
    once = ("repeated_parameter", "Send this parameter only once.")
    assert errors("GET", "/api/tasks?pinned=true&pinned=false&cursor=a&cursor=b") == {
        "pinned": once,
        "cursor": once,
    }


def test_a_filter_of_many_values_may_be_repeated(alice: User) -> None:
    for priority in (1, 2, 3):
        Task.objects.create(user=alice, title=str(priority), priority_id=priority)
    answer = APIClient().get("/api/tasks?priority=1&priority=3&ordering=title")
    assert [task["title"] for task in answer.json()["results"]] == ["1", "3"]


def test_an_empty_parameter_is_no_filter_by_accident() -> None:
    empty = ("empty_parameter", "This parameter is empty. Give it a value or remove it.")
    assert errors("GET", "/api/tasks?pinned=&ordering=") == {"pinned": empty, "ordering": empty}


@pytest.mark.parametrize("value", ["1", "yes", "True", "null", "%00", "%ff"])
def test_a_truth_is_true_or_false(value: str) -> None:
    ((code, detail),) = errors("GET", f"/api/tasks?pinned={value}").values()
    assert (code, detail) in [
        ("invalid_choice", "Write true or false."),
        ("null_characters_not_allowed", "Null characters are not allowed."),
    ]


def test_a_truth_filters(alice: User) -> None:
    Task.objects.create(user=alice, title="pinned", pinned=True)
    Task.objects.create(user=alice, title="loose")
    found = {
        value: [task["title"] for task in APIClient().get(f"/api/tasks?pinned={value}").json()["results"]]
        for value in ("true", "false")
    }
    assert found == {"true": ["pinned"], "false": ["loose"]}


@pytest.mark.parametrize("method", ["PUT", "TRACE", "X"])
def test_an_unknown_method_is_reported_first(method: str) -> None:
    assert APIClient().generic(method, "/api/priorities/1?unheard_of=1").status_code == 405
