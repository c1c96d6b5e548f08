"""Web Push: RFC 8030 (the protocol), 8291 (encryption) and 8292 (identification)."""

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import ceil

from django.utils import timezone

from notifications_app import pinned_http
from notifications_app.channels import vapid
from notifications_app.channels.channel import Outcome, Verdict
from notifications_app.channels.payload import payload_of, tag_of
from notifications_app.endpoints import Endpoint, EndpointRefusedError, parse_endpoint, resolve
from notifications_app.models import Delivery, PushSubscription
from notifications_app.pinned_http import Answer, UnreachableError

_SECONDS = re.compile(r"[0-9]{1,9}")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
# Errors of the moment, not of the request.
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class WebPush:
    """Sends a delivery to a browser through its push service."""

    name = "web_push"

    def send(self, delivery: Delivery) -> Outcome:
        """Encrypt and send, once. Raises ChannelUnavailableError without a usable VAPID key."""
        assert delivery.subscription
        try:
            endpoint = parse_endpoint(delivery.target)
            headers = _headers(delivery, endpoint)
            body = _encrypted(payload_of(delivery), delivery.subscription)
            return _outcome(pinned_http.post(endpoint, resolve(endpoint), body=body, headers=headers))
        except EndpointRefusedError as error:
            return Outcome(verdict=Verdict.REFUSED, error=str(error))
        except (UnreachableError, OSError) as error:
            return Outcome(verdict=Verdict.LATER, error=f"The push service cannot be reached: {error}")


def retry_after(value: str | None) -> timedelta | None:
    """A Retry-After header as a wait from now; None if it is neither seconds nor an HTTP date.

    Source: RFC 9110, 10.2.3.
    """
    if not value:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return timedelta(seconds=int(value))
    try:
        return max(parsedate_to_datetime(value) - timezone.now(), timedelta(0))
    except (TypeError, ValueError):
        return None


def _headers(delivery: Delivery, endpoint: Endpoint) -> dict[str, str]:
    left = ceil((delivery.expires_at - timezone.now()).total_seconds())
    return {
        "Authorization": vapid.authorization(endpoint.origin),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(max(left, 0)),
        "Topic": tag_of(delivery),
        "Urgency": "high",
        "User-Agent": "todo-backend",
    }


def _encrypted(payload: bytes, subscription: PushSubscription) -> bytes:
    from pywebpush import WebPusher  # 0.3 s to import: web, relay and beat start without it

    keys = {"p256dh": subscription.p256dh_key, "auth": subscription.auth_key}
    body: bytes = WebPusher({"endpoint": subscription.endpoint, "keys": keys}).encode(payload)["body"]
    return body


def _outcome(answer: Answer) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome(verdict=Verdict.SENT, status=status)
    if status in _PASSING or status >= 500:
        wait = retry_after(answer.retry_after)
        return Outcome(verdict=Verdict.LATER, status=status, error=answer.text, retry_after=wait)
    verdict = Verdict.GONE if status in _GONE else Verdict.REFUSED
    return Outcome(verdict=verdict, status=status, error=answer.text)
