import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts_app.models import User
from tasks_app.models import Tag, Task

pytestmark = pytest.mark.urls("tests.http_app.site")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("how", "status", "written"),
    [("succeed", 204, 1), ("raise", 400, 0), ("refuse", 409, 0), ("crash", 500, 0), ("dangle", 409, 0)],
)
def test_a_write_stays_only_when_the_answer_is_a_success(
    alice: User, how: str, status: int, written: int
) -> None:
    Task.objects.create(user=alice, title="hers")
    answer = APIClient(raise_request_exception=False).post(f"/api/write-then/{how}")
    assert answer.status_code == status
    assert Tag.objects.count() == written


@pytest.mark.django_db(transaction=True)
def test_a_read_opens_no_transaction(alice: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert APIClient().get("/api/tasks").status_code == 200
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]
