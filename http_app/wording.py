"""What the libraries say to whoever is not signed in, in words that tell what would be right."""

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


def in_our_words(detail: str) -> str:
    """Our text for a library's; any other text as it is."""
    return _OURS.get(detail, detail)
