from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from rest_framework.test import APIClient

from accounts_app.models import ApiToken, User
from tests.accounts_app.conftest import error_of

pytestmark = pytest.mark.django_db

TOKENS = "/admin/accounts_app/apitoken/"


@pytest.fixture
def secret(alice: User) -> str:
    client = APIClient()
    client.force_authenticate(alice)
    made = client.post("/api/auth/api-tokens", {"name": "backup", "scopes": ["read"]}).json()
    return str(made["token"])


def test_a_token_is_looked_at_without_its_secret(operator: Client, secret: str) -> None:
    token = ApiToken.objects.get()
    page = operator.get(f"{TOKENS}{token.pk}/change/").content.decode()
    assert "backup" in page
    assert token.digest not in page
    assert 'name="_save"' not in page
    assert operator.get(f"{TOKENS}add/").status_code == 403
    assert operator.post(f"{TOKENS}{token.pk}/change/", {"name": "mine"}).status_code == 403


def test_a_token_is_revoked(operator: Client, secret: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/me").status_code == 200
    chosen = {"action": "delete_selected", "_selected_action": [ApiToken.objects.get().pk]}
    assert b"backup" in operator.post(TOKENS, chosen).content
    assert operator.post(TOKENS, chosen | {"post": "yes"}).status_code == 302
    assert error_of(client.get("/api/me"), 401) == (None, "api_token_not_found")
    assert LogEntry.objects.get().object_repr == "backup"


@pytest.mark.parametrize("query", ["", "?q=alice", "?expires_at__isempty=1"])
def test_the_list_does_not_ask_per_row(
    alice: User, operator: Client, django_assert_max_num_queries: Any, query: str
) -> None:
    for i in range(20):
        ApiToken.objects.create(user=alice, name=f"program {i}", scopes=["read"], digest=f"{i:064}")
    with django_assert_max_num_queries(6):
        assert b"program 19" in operator.get(TOKENS + query).content
