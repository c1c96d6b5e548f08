"""Who asks: one `Authorization: Bearer ...` header, and three kinds of token that can stand in it.

Told apart by their form, without a query: an API token by its prefix, an outside provider's by its issuer;
everything else has to be an access token of ours.
"""

from functools import lru_cache
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import aware_utcnow, get_md5_hash_password

from accounts_app import outside_identity
from accounts_app.api_tokens import PREFIX, api_token_of
from accounts_app.models import ApiToken, User

# Who asks once asks again within the token's minutes.
SIGNATURES_KEPT = 4096


class BearerAuthentication(JWTAuthentication):
    """`request.user` is the person; `request.auth` the ApiToken, or what the JSON web token says."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:  # type: ignore[override] # ours
        header = self.get_header(request)
        raw_token = None if header is None else self.get_raw_token(header)
        if raw_token is None:
            return None
        text = raw_token.decode("latin-1")
        if text.startswith(PREFIX):
            token = self._api_token(text, request)
            return token.user, token
        return self._by_json_web_token(raw_token, text)

    def _by_json_web_token(self, raw_token: bytes, text: str) -> tuple[User, Any]:
        try:
            ours = self.get_validated_token(raw_token)
        except InvalidToken:
            if not outside_identity.is_meant(text):
                raise
            claims = outside_identity.verified_claims(text)
            return outside_identity.user_of(claims), claims
        return self.get_user(ours), ours

    def get_validated_token(self, raw_token: bytes) -> Token:
        """As the library's. A signature that was right stays right; what may change is asked anew."""
        token = _signed(raw_token, settings.SECRET_KEY)
        try:
            token.check_exp(current_time=aware_utcnow())
        except TokenError as error:
            raise InvalidToken({"detail": "Given token not valid for any token type"}) from error
        return token

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override] # ours
        """As the library's, by one short query. Raises AuthenticationFailed (401)."""
        user = User.objects.with_id(validated_token.get(api_settings.USER_ID_CLAIM))
        if user is None:
            raise AuthenticationFailed("User not found", "user_not_found")
        if not user.is_active:
            raise AuthenticationFailed("User is inactive", "user_inactive")
        if validated_token.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
            raise AuthenticationFailed("The user's password has been changed.", "password_changed")
        return user

    @staticmethod
    def _api_token(text: str, request: Request) -> ApiToken:
        view = (request.parser_context or {}).get("view")
        method = "GET" if getattr(view, "only_reads", False) else str(request.method)
        token = api_token_of(text, method=method)
        request._request.api_token = token  # type: ignore[attr-defined] # for ApiTokenUseMiddleware
        return token


@lru_cache(maxsize=SIGNATURES_KEPT)
def _signed(raw_token: bytes, _key: str) -> Token:
    return JWTAuthentication().get_validated_token(raw_token)
