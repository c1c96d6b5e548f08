"""Push subscriptions and the history of reminders in the API."""

import re
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from http_app.serializers import StrictSerializer
from notifications_app.endpoints import EndpointRefusedError, parse_endpoint
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder, ReminderAction
from notifications_app.push_answers import meaning_of
from notifications_app.trace import seconds_of_stages, why

_BASE64URL = re.compile(r"([A-Za-z0-9_-]+)={0,2}")
_TO_BASE64URL = str.maketrans("+/", "-_")
_POINT_BYTES = 65
_SECRET_BYTES = 16


class P256dhField(serializers.CharField):
    """An uncompressed point of the curve P-256 in base64url or base64, padded or not, as base64url."""

    default_error_messages = {
        "bad_key": "This must be base64url of an uncompressed point of the curve P-256 (65 bytes)."
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        point = _decoded(text)
        try:
            if len(point) != _POINT_BYTES:
                raise ValueError
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            self.fail("bad_key")
        return _base64url(text)


class AuthField(serializers.CharField):
    """16 bytes in base64url or base64, padded or not, as base64url."""

    default_error_messages = {"bad_key": "This must be base64url of 16 bytes."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if len(_decoded(text)) != _SECRET_BYTES:
            self.fail("bad_key")
        return _base64url(text)


class BrowserKeysSerializer(StrictSerializer):
    """`keys` of a browser's `PushSubscription.toJSON()`."""

    p256dh = P256dhField(help_text="A P-256 point, base64url of 65 bytes.")
    auth = AuthField(help_text="base64url of 16 bytes.")


class PushSubscriptionSerializer(StrictSerializer, serializers.ModelSerializer[PushSubscription]):
    """A browser's `JSON.stringify(subscription)` as it is, or its two keys as `p256dh_key` and `auth_key`."""

    p256dh_key = P256dhField(write_only=True, required=False, help_text="Instead of `keys.p256dh`.")
    auth_key = AuthField(write_only=True, required=False, help_text="Instead of `keys.auth`.")
    keys = BrowserKeysSerializer(write_only=True, required=False)
    expirationTime = serializers.FloatField(  # noqa: N815 - the browser's name
        write_only=True,
        required=False,
        allow_null=True,
        help_text="Browsers send it. It is not used: the push service reports what has expired.",
    )

    class Meta:
        model = PushSubscription
        fields = [
            *("id", "endpoint", "expirationTime", "keys", "p256dh_key", "auth_key"),
            *("user_agent", "created_at", "updated_at"),
        ]
        read_only_fields = ["id", "created_at", "updated_at"]
        extra_kwargs = {
            # No unique validator: subscribing again binds the endpoint to the signed-in user.
            "endpoint": {"validators": [], "help_text": "The https URL from the browser."},
            "user_agent": {"help_text": "A name for the device. The default is the User-Agent header."},
        }

    def validate_endpoint(self, value: str) -> str:
        try:
            parse_endpoint(value)
        except EndpointRefusedError as error:
            raise serializers.ValidationError(str(error), code="endpoint_refused") from error
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The model's fields, whichever way the keys were sent."""
        attrs.pop("expirationTime", None)
        keys = attrs.pop("keys", None)
        flat = {"p256dh_key", "auth_key"} & set(attrs)
        if keys and flat:
            detail = "Send keys, or p256dh_key and auth_key, not both."
            raise serializers.ValidationError({"keys": [detail]}, code="conflict")
        if keys:
            return attrs | {"p256dh_key": keys["p256dh"], "auth_key": keys["auth"]}
        if missing := {"p256dh_key", "auth_key"} - flat:
            detail = "This field is required, unless keys holds both."
            raise serializers.ValidationError({name: [detail] for name in missing}, code="required")
        return attrs


class NoFieldsSerializer(StrictSerializer):
    """A body without fields, or none."""


class PublicKeySerializer(serializers.Serializer[Any]):
    """The browser's `applicationServerKey`: a P-256 point, base64url without padding."""

    public_key = serializers.CharField()


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    error = serializers.SerializerMethodField(help_text="Why there was no response.")
    meaning = serializers.SerializerMethodField(help_text="What the response means, in words.")

    class Meta:
        model = DeliveryAttempt
        fields = ["at", "status", "error", "meaning"]

    def get_error(self, attempt: DeliveryAttempt) -> str:
        # The text of a response is the push service's; only operators see it.
        return attempt.error if attempt.status is None else ""

    def get_meaning(self, attempt: DeliveryAttempt) -> str:
        return meaning_of(attempt)


class StagesSerializer(serializers.Serializer[Any]):
    """Where the time went, in seconds, from the time of the reminder on. Null: this has not ended."""

    claimed = serializers.FloatField(allow_null=True, help_text="Until the scan claimed it.")
    handled = serializers.FloatField(
        allow_null=True, help_text="Until the delivery was created, in quiet hours after their end."
    )
    queued = serializers.FloatField(allow_null=True, help_text="Until a worker took it.")
    retried = serializers.FloatField(allow_null=True, help_text="Until the last attempt began.")
    sent = serializers.FloatField(allow_null=True, help_text="Until the channel had it.")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    attempts = AttemptSerializer(many=True)
    next_attempt_at = serializers.SerializerMethodField(help_text="Null if there will be no other attempt.")
    seconds = serializers.SerializerMethodField(help_text="Null for a test, and a notice of several.")

    class Meta:
        model = Delivery
        fields = [
            *("id", "channel", "subscription_id", "state", "created_at"),
            *("next_attempt_at", "expires_at", "sent_at", "seconds", "attempts"),
        ]

    @extend_schema_field(StagesSerializer(allow_null=True))
    def get_seconds(self, delivery: Delivery) -> dict[str, float | None] | None:
        return seconds_of_stages(delivery.reminder, delivery) if delivery.reminder else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: Delivery) -> Any:
        if delivery.state != Delivery.State.PENDING:
            return None
        return serializers.DateTimeField().to_representation(delivery.next_attempt_at)


class ReminderActionSerializer(serializers.ModelSerializer[ReminderAction]):
    """What a link of the notification did when it was first used."""

    class Meta:
        model = ReminderAction
        fields = ["action", "at", "outcome", "snoozed_until", "undone_at"]


class ReminderSerializer(serializers.ModelSerializer[Reminder]):
    """A due reminder: when it was claimed, how late, each delivery with its attempts, and why, in words."""

    lateness_seconds = serializers.SerializerMethodField()
    why = serializers.SerializerMethodField(help_text="What became of it, in a sentence for people.")
    deliveries = DeliverySerializer(many=True)
    actions = ReminderActionSerializer(many=True)

    class Meta:
        model = Reminder
        fields = [
            *("id", "event_id", "reminder_at", "claimed_at", "lateness_seconds", "state", "why"),
            *("deliveries", "actions"),
        ]

    def get_why(self, reminder: Reminder) -> str:
        return why(reminder, self.context["request"].user.timezone)

    def get_lateness_seconds(self, reminder: Reminder) -> float:
        return reminder.lateness.total_seconds()


def _base64url(value: str) -> str:
    return value.translate(_TO_BASE64URL).rstrip("=")


def _decoded(value: str) -> bytes:
    """The bytes of a text in base64url or base64, padded or not; empty if it is neither."""
    matched = _BASE64URL.fullmatch(value.translate(_TO_BASE64URL))
    if matched is None or len(matched[1]) % 4 == 1:
        return b""
    return urlsafe_b64decode(matched[1] + "=" * (-len(matched[1]) % 4))
