"""`Idempotency-Key`: a request that is sent again has its effect once and gets the same answer, byte by byte.

The key's row, the effect and the answer are one transaction. A second request with the same key waits at the
unique index until the first commits, then gets its answer. Errors are not stored: their transaction is rolled
back.
Source: draft-ietf-httpapi-idempotency-key-header; Stripe's API for scope and retention.
"""

from hashlib import sha256

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from http_app.errors import IdempotencyKeyReused
from http_app.models import KEY_MAX_LENGTH, IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_STORED_HEADERS = ("Content-Type", "ETag", "Location")


def key_of(request: Request) -> IdempotencyKey | None:
    """The row of the request's key, new or with an answer; None for a read, without a user or a key.

    Call it inside the request's transaction: it waits for another one that has just written the same key.
    Raises ValidationError (400) for a malformed key, IdempotencyKeyReused (422).
    """
    if request.method in SAFE_METHODS or not request.user.pk:
        return None
    key = checked_key(request)
    if key is None:
        return None
    fingerprint = _fingerprint(request)
    new = IdempotencyKey(user_id=request.user.pk, key=key, fingerprint=fingerprint)
    IdempotencyKey.objects.bulk_create([new], ignore_conflicts=True)
    row = IdempotencyKey.objects.get(user_id=request.user.pk, key=key)
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return row


def checked_key(request: Request) -> str | None:
    """The key that the request names. Raises ValidationError (400) for a malformed one."""
    key = request.headers.get(HEADER)
    if key is None or (0 < len(key) <= KEY_MAX_LENGTH and key.isascii() and key.isprintable()):
        return key
    detail = f"An Idempotency-Key must be 1 to {KEY_MAX_LENGTH} printable ASCII characters, such as a UUID."
    raise ValidationError({HEADER: [ErrorDetail(detail, "invalid")]})


def stored_answer(row: IdempotencyKey) -> HttpResponse:
    """The answer that the first request got."""
    return HttpResponse(bytes(row.body), status=row.status, headers=row.headers | {REPLAYED: "true"})


def store_answer(row: IdempotencyKey, response: HttpResponseBase) -> None:
    """Keep an answer that has all its headers, for the next request with this key."""
    assert isinstance(response, HttpResponse)
    if isinstance(response, Response):
        response.render()
    row.status = response.status_code
    row.headers = {name: response[name] for name in _STORED_HEADERS if name in response}
    row.body = response.content
    row.save(update_fields=["status", "headers", "body"])


def _fingerprint(request: Request) -> str:
    parts = (str(request.method).encode(), request.get_full_path().encode(), request._request.body)
    return sha256(b"\n".join(parts)).hexdigest()
