"""Authentication by one `Authorization: Bearer ...` header, which holds one of three kinds of token.

The form of the token decides, without a query: an API token has a prefix, a token of the outside identity
provider names its issuer, and everything else must be an access token of this project.
"""

from typing import Any

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts_app import outside_identity
from accounts_app.api_tokens import PREFIX, authenticate_api_token
from accounts_app.claims import is_uuid, read_unverified
from accounts_app.models import ApiToken, User


class BearerAuthentication(JWTAuthentication):
    """Sets `request.user` to the User, `request.auth` to the ApiToken or the claims of the JSON web token."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:  # type: ignore[override] # our User
        header = self.get_header(request)
        raw_token = None if header is None else self.get_raw_token(header)
        if raw_token is None:
            return None
        text = raw_token.decode("latin-1")
        if text.startswith(PREFIX):
            token = self._api_token(text, request)
            return token.user, token
        return self._json_web_token(raw_token, text, time_zone=request.headers.get("Time-Zone"))

    def get_raw_token(self, header: bytes) -> bytes | None:
        """As the library's, with `Bearer` in any case (RFC 9110, 11.1)."""
        scheme, space, token = header.partition(b" ")
        return super().get_raw_token(scheme.title() + space + token)

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override] # our User
        """Like the library's, with one short query. Raises AuthenticationFailed (401)."""
        user_id = validated_token.get(api_settings.USER_ID_CLAIM)
        user = User.objects.with_id(user_id) if is_uuid(user_id) else None
        if user is None:
            raise AuthenticationFailed("User not found", "user_not_found")
        if not user.is_active:
            raise AuthenticationFailed("User is inactive", "user_inactive")
        if validated_token.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
            raise AuthenticationFailed("The user's password has been changed.", "password_changed")
        return user

    def _json_web_token(self, raw_token: bytes, text: str, *, time_zone: str | None) -> tuple[User, Any]:
        try:
            unverified = read_unverified(text)
        except TokenError as error:
            raise InvalidToken(str(error)) from error
        try:
            ours = self.get_validated_token(raw_token)
        except InvalidToken:
            if not outside_identity.is_issuer_of(unverified):
                raise
            claims = outside_identity.verified_claims(text)
            return outside_identity.get_or_create_user(claims, time_zone=time_zone), claims
        return self.get_user(ours), ours

    @staticmethod
    def _api_token(text: str, request: Request) -> ApiToken:
        view = (request.parser_context or {}).get("view")
        method = "GET" if getattr(view, "only_reads", False) else str(request.method)
        token = authenticate_api_token(text, method=method, also_reads=getattr(view, "also_reads", False))
        request._request.api_token = token  # type: ignore[attr-defined] # for ApiTokenUseMiddleware
        return token
