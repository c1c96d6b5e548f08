"""Our own words for what DRF and simplejwt say about a missing or bad token: they say what to do."""

from typing import Any

from rest_framework.exceptions import ErrorDetail

_TAKE_A_NEW_ONE = "take a new one: POST /api/auth/token/refresh, or sign in: POST /api/auth/token."
_OURS = {
    "Authentication credentials were not provided.": (
        "Nobody is signed in: send `Authorization: Bearer <token>` with the `access` of POST /api/auth/token."
    ),
    "Authorization header must contain two space-delimited values": (
        "Write the header as `Authorization: Bearer <token>`, with one token and nothing after it."
    ),
    "Given token not valid for any token type": (
        f"This is no access token, or it is past its time; {_TAKE_A_NEW_ONE}"
    ),
    "Token is invalid": "This is no refresh token of ours; sign in: POST /api/auth/token.",
    "Token has wrong type": "This is no refresh token: send the other one of the two that a sign-in gives.",
    "Token is expired": "This refresh token is past its time; sign in again: POST /api/auth/token.",
    "User not found": "The account of this token is not there any more.",
    "User is inactive": "This account is closed.",
    "The user's password has been changed.": (
        "The password was changed after this token was made; sign in again: POST /api/auth/token."
    ),
}


def plain_auth_message(detail: Any) -> ErrorDetail:
    """Our message for a library's, with the same code; a message we do not know stays as it is."""
    # simplejwt's detail is a dict, which would be answered as one error for each entry.
    text, code = (detail["detail"], detail["code"]) if isinstance(detail, dict) else (detail, detail.code)
    return ErrorDetail(_OURS.get(str(text), str(text)), str(code))
