"""Secrets of operators' programs, as bearer tokens, and of a Dapr sidecar."""

from hmac import compare_digest

from django.http import HttpRequest, HttpResponse


def has_token(request: HttpRequest, secret: str) -> bool:
    """Whether the request has `Authorization: Bearer <secret>`, in a time that says nothing of the secret."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    knows = compare_digest(token.encode(errors="replace"), secret.encode())
    return knows and scheme.lower() == "bearer"


def has_sidecar_token(request: HttpRequest, secret: str) -> bool:
    """Whether the request has `dapr-api-token: <secret>`, in a time that says nothing of the secret."""
    token = request.headers.get("dapr-api-token", "")
    return compare_digest(token.encode(errors="replace"), secret.encode())


def token_needed() -> HttpResponse:
    """401, for a request without it."""
    return HttpResponse("Bearer token needed.\n", "text/plain", 401, headers={"WWW-Authenticate": "Bearer"})
