"""Our access and refresh tokens, signed with SECRET_KEY; signatures of SECRET_KEY_FALLBACKS are valid too.

simplejwt itself knows one key, so that another one would sign out every user.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token


class _Backend(TokenBackend):
    """Signs with one key, and verifies with it or with an earlier one."""

    def decode(self, token: Token, verify: bool = True) -> dict[str, Any]:
        try:
            return super().decode(token, verify)
        except TokenBackendExpiredToken:
            raise
        except TokenBackendError:
            for earlier in _earlier_backends():
                with suppress(TokenBackendError):
                    return earlier.decode(token, verify)
            raise


class _OfOurs:
    def get_token_backend(self) -> TokenBackend:
        return _backend(settings.SECRET_KEY)


class Access(_OfOurs, AccessToken):
    """An access token."""


class Refresh(_OfOurs, RefreshToken):  # type: ignore[misc] # in the library itself
    """A refresh token."""

    access_token_class = Access


@lru_cache(maxsize=2)
def _backend(key: str) -> TokenBackend:
    return _Backend(api_settings.ALGORITHM, key)


def _earlier_backends() -> Iterator[TokenBackend]:
    for key in settings.SECRET_KEY_FALLBACKS:
        yield TokenBackend(api_settings.ALGORITHM, key)
