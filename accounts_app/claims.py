"""The claims of a JSON web token, checked by type and range before anything else uses them.

A token that is correctly signed can still contain any JSON: a provider may copy claims from its users.
Source: RFC 7519, 2 (NumericDate) and 4.1.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from jwt.utils import base64url_decode
from rest_framework_simplejwt.exceptions import TokenError

Claims = Mapping[str, Any]

# Eight times what a token with a name, an address and some rights has.
LONGEST_TOKEN = 16 * 1024
_TIMES = ("exp", "nbf", "iat")
_UUID = re.compile("[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_LATEST = 221_845_392_000  # the year 9000, like every time in the API


def read_unverified(token: str) -> Claims:
    """The claims of a token, without verifying its signature; none if it is not a JSON web token.

    Raises TokenError if it is too long, or has a time that is not a number of seconds from 1970 to 8999.
    """
    if len(token) > LONGEST_TOKEN:
        raise TokenError(f"This token is too long. The maximum is {LONGEST_TOKEN} characters.")
    try:
        # Not jwt.decode(), which also checks what is checked again when the signature is verified.
        claims = json.loads(base64url_decode(token.split(".")[1]))
    except (IndexError, ValueError):
        return {}
    except RecursionError as error:  # JSON nested thousands of levels deep
        raise TokenError("This token cannot be read.") from error
    if not isinstance(claims, dict):
        return {}
    for name in _TIMES:
        at = claims.get(name, 0)
        if type(at) not in (int, float) or not 0 <= at < _LATEST:
            raise TokenError(f"The claim {name} of this token is not a time in seconds since 1970.")
    return claims


def is_uuid(value: Any) -> bool:
    """Whether the claim is the text of a UUID."""
    return isinstance(value, str) and bool(_UUID.fullmatch(value))
