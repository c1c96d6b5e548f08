"""Web Push: RFC 8030 (the protocol), 8291 (encryption) and 8292 (identification)."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import ceil
from time import monotonic

import structlog
from django.db import connection
from django.utils import timezone

from accounts_app.models import User
from accounts_app.preferences import Channel as Choice
from notifications_app import pinned_http
from notifications_app.channels import vapid
from notifications_app.channels.channel import AttemptOutcome, Target, Verdict
from notifications_app.channels.encryption import encrypt, receiver_of
from notifications_app.channels.message import message_of
from notifications_app.channels.payload import payload_of, title_alone
from notifications_app.endpoints import Endpoint, EndpointRefusedError, host_of, parse_endpoint, resolve
from notifications_app.metrics import PUSH_REFUSED, PUSH_SIMPLIFIED
from notifications_app.models import WEB_PUSH, Delivery
from notifications_app.pinned_http import Answer, UnreachableError
from notifications_app.push_answers import NOT_ALLOWED, reason_of, service_of, was_dropped
from notifications_app.recipients import Recipient
from notifications_app.subscriptions import unsubscribe_gone

log = structlog.get_logger(__name__)

_SECONDS = re.compile(r"[0-9]{1,9}")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
# Errors of the moment, not of the request. 406 is how Microsoft's service says 429.
_PASSING = {HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
# A browser shows the notification without them.
_OPTIONAL_HEADERS = {"Topic", "Urgency"}
# Microsoft's service refuses 0.
_SHORTEST_TTL = 1
# Locked as a foreign key locks them: others may still change them.
_BROWSERS = """
    SELECT user_id, endpoint, id FROM push_subscriptions WHERE user_id = ANY(%s) ORDER BY id FOR KEY SHARE
"""


class WebPush:
    """Sends a delivery to a browser through its push service."""

    name = WEB_PUSH
    choice = Choice.PUSH

    def targets(self, users: Collection[Recipient | User]) -> list[Target]:
        """The users' browsers; each is kept until the end of the transaction."""
        with connection.cursor() as cursor:
            cursor.execute(_BROWSERS, [[user.id for user in users]])
            return [Target._make(row) for row in cursor.fetchall()]

    def origin(self, address: str) -> str:
        """The push service: scheme, host and port."""
        return "/".join(address.split("/", 3)[:3])

    def reaches(self, delivery: Delivery) -> bool:
        """Whether the browser is still the user's: another user may have subscribed with it since."""
        return delivery.subscription is not None and delivery.subscription.user_id == delivery.user_id

    def gone(self, delivery: Delivery) -> None:
        """Delete the subscription."""
        if delivery.subscription:
            unsubscribe_gone(delivery.subscription)

    def send(self, delivery: Delivery) -> AttemptOutcome:
        """Encrypt and send; at once again in a simpler form if a push service refuses the size or a header.

        Raises ChannelUnavailableError without a usable VAPID key.
        """
        try:
            outcome = _outcome(_answer(delivery))
        except EndpointRefusedError as error:
            return AttemptOutcome(verdict=Verdict.REFUSED, error=f"{NOT_ALLOWED}{error}")
        except (UnreachableError, OSError) as error:
            return AttemptOutcome(verdict=Verdict.LATER, error=f"The push service cannot be reached: {error}")
        if outcome.verdict is Verdict.REFUSED:
            _alarm(delivery, outcome)
        return outcome


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


def _answer(delivery: Delivery) -> Answer:
    """The push service's answer to the message, or to its simplest form that was tried."""
    assert delivery.subscription
    receiver = receiver_of(delivery.subscription.p256dh_key, delivery.subscription.auth_key)
    endpoint = parse_endpoint(delivery.target)
    message = message_of(delivery)
    headers = _headers(delivery, endpoint, topic=message.tag)
    until = monotonic() + pinned_http.ANSWER_SECONDS  # for all forms together, or the lease would end

    def post(payload: bytes, headers: Mapping[str, str]) -> Answer:
        body = encrypt(payload, receiver)
        return pinned_http.post(endpoint, lambda: resolve(endpoint), body=body, headers=headers, until=until)

    payload = payload_of(message)
    answer = post(payload, headers)
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        _note_simpler(delivery, answer)
        payload = title_alone(message)
        answer = post(payload, headers)
    if answer.status == HTTPStatus.BAD_REQUEST:
        _note_simpler(delivery, answer)
        answer = post(payload, {name: headers[name] for name in headers.keys() - _OPTIONAL_HEADERS})
    return answer


def _headers(delivery: Delivery, endpoint: Endpoint, *, topic: str) -> dict[str, str]:
    left = ceil((delivery.expires_at - timezone.now()).total_seconds())
    return {
        "Authorization": vapid.authorization(endpoint.origin),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(max(left, _SHORTEST_TTL)),
        "Topic": topic,
        "Urgency": "high",
        "User-Agent": "todo-backend",
    }


def _outcome(answer: Answer) -> AttemptOutcome:
    status = answer.status
    if 200 <= status < 300 and not was_dropped(answer.headers):
        return AttemptOutcome(verdict=Verdict.SENT, status=status)
    reason = reason_of(answer)
    if 200 <= status < 300 or status in _PASSING or status >= 500:
        wait = retry_after(answer.retry_after)
        return AttemptOutcome(verdict=Verdict.LATER, status=status, error=reason, retry_after=wait)
    verdict = Verdict.GONE if status in _GONE else Verdict.REFUSED
    return AttemptOutcome(verdict=verdict, status=status, error=reason)


def _note_simpler(delivery: Delivery, answer: Answer) -> None:
    PUSH_SIMPLIFIED.labels(service_of(host_of(delivery.target)), str(answer.status)).inc()
    log.warning("push_sent_simpler", **_about(delivery, answer.status, reason_of(answer)))


def _alarm(delivery: Delivery, outcome: AttemptOutcome) -> None:
    """A refusal by a known push service is a fault of ours or of the settings, and befalls every message."""
    service = service_of(host_of(delivery.target))
    PUSH_REFUSED.labels(service, str(outcome.status)).inc()
    write = log.error if service != "other" else log.warning  # anyone can subscribe an endpoint that refuses
    write("push_refused", **_about(delivery, outcome.status, outcome.error))


def _about(delivery: Delivery, status: int | None, reason: str) -> dict[str, object]:
    """What a log line says. Only known services are quoted: others may repeat the endpoint, a secret."""
    host = host_of(delivery.target)
    known = service_of(host) != "other"
    return {"delivery": delivery.pk, "push_host": host, "status": status} | (
        {"reason": reason} if known else {}
    )


CHANNEL = WebPush()
