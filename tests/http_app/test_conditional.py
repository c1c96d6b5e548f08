"""The ETag is the version: 304 for a read that has it, 412 for a write that names another one."""

from threading import Barrier, Thread

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Task
from tasks_app.services import create_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of) -> APIClient:
    return client_of(alice)


@pytest.fixture
def url(alice: User) -> str:
    return f"/api/tasks/{create_task(alice, title='water the plants').pk}"


def test_every_answer_with_a_task_has_its_etag(client: APIClient, url: str) -> None:
    assert client.post("/api/tasks", {"title": "new"})["ETag"] == '"1"'
    assert client.get(url)["ETag"] == '"1"'
    assert client.patch(url, {"title": "newer"})["ETag"] == '"2"'
    assert client.post(f"{url}/complete")["ETag"] == '"3"'
    assert "ETag" not in client.get("/api/tasks")


@pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_a_current_copy_is_not_sent_again(client: APIClient, url: str, known: str) -> None:
    response = client.get(url, headers={"If-None-Match": known})
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", '"1"')


@pytest.mark.parametrize("known", ['"2"', "1", "nonsense", ""])
def test_an_outdated_copy_is_sent_again(client: APIClient, url: str, known: str) -> None:
    assert client.get(url, headers={"If-None-Match": known}).status_code == 200


@pytest.mark.parametrize(
    ("method", "action"),
    [("patch", ""), ("put", ""), ("delete", ""), ("post", "/complete"), ("post", "/restore")],
)
def test_a_stale_write_is_refused(client: APIClient, url: str, method: str, action: str) -> None:
    client.patch(url, {"title": "newer"})
    body = {"title": "mine"} if method in ("patch", "put") else None
    response = getattr(client, method)(url + action, body, headers={"If-Match": '"1"'})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (412, "stale")
    task = Task.objects.get()
    assert (task.title, task.version, task.completed, task.deleted_at) == ("newer", 2, False, None)


@pytest.mark.parametrize("believed", ['"1"', "*", '"9", "1"'])
def test_a_write_with_the_current_version_is_allowed(client: APIClient, url: str, believed: str) -> None:
    assert client.patch(url, {"title": "mine"}, headers={"If-Match": believed}).status_code == 200


@pytest.mark.parametrize(("believed", "status"), [('W/"1"', 200), ('W/"9", W/"1"', 200), ('W/"2"', 412)])
def test_a_weak_tag_names_its_version_as_a_strong_one(
    client: APIClient, url: str, believed: str, status: int
) -> None:
    """A compressed answer has a weak tag, and the writer has no other."""
    assert client.patch(url, {"title": "mine"}, headers={"If-Match": believed}).status_code == status


@pytest.mark.parametrize("malformed", ["1", "'1'", "W/1", '"1", 2', '"1', "", 'w/"1"'])
@pytest.mark.parametrize("path", ["", "/complete"])
def test_a_version_without_quotes_is_refused_by_name(
    client: APIClient, url: str, malformed: str, path: str
) -> None:
    method = client.post if path else client.patch
    response = method(url + path, {} if path else {"title": "mine"}, headers={"If-Match": malformed})
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["code"], error["attr"]) == ("invalid", "If-Match")
    assert 'quotes, such as If-Match: "3"' in error["detail"]


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_one_wins(alice: User, client_of, url: str) -> None:
    barrier, answers = Barrier(2), []

    def write(title: str) -> None:
        client = client_of(alice)
        barrier.wait(60)
        answers.append(client.patch(url, {"title": title}, headers={"If-Match": '"1"'}).status_code)
        connection.close()

    threads = [Thread(target=write, args=[title]) for title in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 412]
