"""Messages for a missing or bad token. Unlike those of DRF and simplejwt, they say what to do."""

from typing import Any

from rest_framework.exceptions import ErrorDetail

_OURS = {
    "Authentication credentials were not provided.": (
        "Authentication required. Send `Authorization: Bearer <token>` with an access token"
        " from POST /api/auth/token."
    ),
    "Authorization header must contain two space-delimited values": (
        "Write the header as `Authorization: Bearer <token>`, with exactly one token."
    ),
    "Given token not valid for any token type": (
        "This access token is invalid or has expired. Get a new one from POST /api/auth/token/refresh,"
        " or sign in at POST /api/auth/token."
    ),
    "Token is invalid": "This refresh token is invalid. Sign in again at POST /api/auth/token.",
    "Token has wrong type": "This is not a refresh token. Send the one that came with the access token.",
    "Token is expired": "This refresh token has expired. Sign in again at POST /api/auth/token.",
    "User not found": "The account of this token no longer exists.",
    "User is inactive": "This account is closed.",
    "The user's password has been changed.": (
        "The password was changed after this token was issued. Sign in again at POST /api/auth/token."
    ),
}


def plain_auth_message(detail: Any) -> ErrorDetail:
    """Our message for a library's, with the same code; a message we do not know stays as it is."""
    # simplejwt's detail is a dict, which would be answered as one error for each entry.
    text, code = (detail["detail"], detail["code"]) if isinstance(detail, dict) else (detail, detail.code)
    return ErrorDetail(_OURS.get(str(text), str(text)), str(code))
