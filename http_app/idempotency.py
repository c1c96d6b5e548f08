"""`Idempotency-Key`: a request that is sent again has its effect once and gets the same answer, to the byte.

The key's row, the effect and the answer are one transaction. Who comes with the same key meanwhile waits at
the unique index, then gets the answer of the first. Errors are not kept: their transaction is taken back.
Source: draft-ietf-httpapi-idempotency-key-header; Stripe's API for scope and retention.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from http_app.models import KEY_MAX_LENGTH, IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
# As long as Stripe keeps them: longer than any client goes on trying.
KEPT = timedelta(hours=24)
_KEPT_HEADERS = ("Content-Type", "ETag", "Location")


class KeyUsedOtherwise(APIException):
    """422: the key came with another request before."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = (
        "This Idempotency-Key came with another request before; take a new one for a new request."
    )


class Replay(Exception):  # noqa: N818 - no error: the answer is there
    """The request was answered before."""

    def __init__(self, row: IdempotencyKey) -> None:
        super().__init__(row.key)
        self.answer = HttpResponse(
            bytes(row.body), status=row.status, headers=row.headers | {REPLAYED: "true"}
        )


class Idempotent(APIView):
    """Heeds the header on unsafe requests of somebody signed in. Runs inside the request's transaction."""

    # Off where the answer is a secret: it would be kept.
    keeps_answers = True
    idempotency: IdempotencyKey | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        if self.idempotency is not None and self.idempotency.status is None and response.status_code < 400:
            _keep(self.idempotency, response)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # The body is read here, before DRF's parser takes the stream.
        fingerprint = _fingerprint(request) if HEADER in request.headers else ""
        super().initial(request, *args, **kwargs)
        if fingerprint and self.keeps_answers and request.method not in SAFE_METHODS and request.user.pk:
            self.idempotency = _claim(request, fingerprint)
            if self.idempotency.status is not None:
                raise Replay(self.idempotency)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Replay):
            return exc.answer  # type: ignore[return-value] # finalize_response takes any HttpResponse
        return super().handle_exception(exc)


def purge_idempotency_keys() -> int:
    """Forget the answers that are older than KEPT; how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _fingerprint(request: Request) -> str:
    parts = (str(request.method).encode(), request.get_full_path().encode(), request._request.body)
    return sha256(b"\n".join(parts)).hexdigest()


def _claim(request: Request, fingerprint: str) -> IdempotencyKey:
    key = request.headers[HEADER]
    if not (0 < len(key) <= KEY_MAX_LENGTH and key.isascii() and key.isprintable()):
        detail = f"An Idempotency-Key has 1 to {KEY_MAX_LENGTH} printable ASCII characters; a UUID does well."
        raise ValidationError({HEADER: [ErrorDetail(detail, "invalid")]})
    user_id = request.user.pk
    assert user_id is not None
    new = IdempotencyKey(user_id=user_id, key=key, fingerprint=fingerprint)
    # Waits for a transaction that has just written the same key.
    IdempotencyKey.objects.bulk_create([new], ignore_conflicts=True)
    row = IdempotencyKey.objects.get(user_id=user_id, key=key)
    if row.fingerprint != fingerprint:
        raise KeyUsedOtherwise
    return row


def _keep(row: IdempotencyKey, response: HttpResponseBase) -> None:
    assert isinstance(response, HttpResponse)
    if isinstance(response, Response):
        response.render()
    row.status = response.status_code
    row.headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    row.body = response.content
    row.save(update_fields=["status", "headers", "body"])
