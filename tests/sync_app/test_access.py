"""A stream is opened with a token of any kind."""

import pytest

from accounts_app.api_tokens import create_api_token
from accounts_app.models import ApiToken, User
from sync_app.access import grant_by_header, valid_grants

pytestmark = pytest.mark.django_db


def test_an_api_token_opens_a_stream(alice: User) -> None:
    token, secret = create_api_token(alice, name="watch", scopes=[ApiToken.Scope.READ], expires_at=None)
    grant = grant_by_header(f"Bearer {secret}")
    assert (grant.user_id, grant.api_token_id, grant.ends_at) == (alice.pk, token.pk, None)
    assert valid_grants([grant]) == {grant}
    token.refresh_from_db()
    assert token.last_used_at is not None
