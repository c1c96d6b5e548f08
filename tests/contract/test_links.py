"""What can be done next with what was made stands in the document, as links."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from accounts_app.models import User
from tests.contract.document import OPERATIONS, Operation

BY_ID = {each.spec["operationId"]: each for each in OPERATIONS}
MAKING = [each for each in OPERATIONS if "links" in each.spec["responses"].get("201", {})]


def test_what_is_made_leads_on() -> None:
    assert {each.path for each in MAKING} == {
        each.path
        for each in OPERATIONS
        if each.method == "post" and any(other.path.startswith(f"{each.path}/{{") for other in OPERATIONS)
    }


@pytest.mark.django_db
@pytest.mark.parametrize("operation", MAKING, ids=str)
def test_each_link_finds_what_was_made(
    operation: Operation, alice: User, client_of: Callable[[User], APIClient]
) -> None:
    alice.is_staff = True
    alice.save()
    client = client_of(alice)
    client.raise_request_exception = False  # without a VAPID key nothing is pushed: a 503
    made = client.post(operation.url(), operation.example())
    assert made.status_code == 201, made.content
    links = operation.spec["responses"]["201"]["links"]
    erasing = [link for link in links.values() if BY_ID[link["operationId"]].method == "delete"]
    assert erasing
    for link in (*(link for link in links.values() if link not in erasing), *erasing):
        target = BY_ID[link["operationId"]]
        assert list(link["parameters"].values()) == ["$response.body#/id"]
        assert [f"{{{name}}}" in target.path for name in link["parameters"]] == [True]
        answer = client.generic(
            target.method.upper(), target.url(made.json()["id"]), b"{}", "application/json"
        )
        assert answer.status_code != 404, link
