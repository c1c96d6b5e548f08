"""Push subscriptions and the history of reminders in the API."""

import re
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from http_app.serializers import StrictSerializer
from notifications_app.endpoints import EndpointRefusedError, parse_endpoint
from notifications_app.models import Delivery, DeliveryAttempt, PushSubscription, Reminder

_BASE64URL = re.compile(r"([A-Za-z0-9_-]+)={0,2}")
_POINT_BYTES = 65
_SECRET_BYTES = 16


class PushSubscriptionSerializer(StrictSerializer, serializers.ModelSerializer[PushSubscription]):
    """A browser's subscription: endpoint, `keys.p256dh` and `keys.auth` of `PushSubscription.toJSON()`."""

    class Meta:
        model = PushSubscription
        fields = ["id", "endpoint", "p256dh_key", "auth_key", "user_agent", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        extra_kwargs = {
            # No unique validator: subscribing again binds the endpoint to the signed-in user.
            "endpoint": {"validators": [], "help_text": "The https URL from the browser."},
            "p256dh_key": {"write_only": True},
            "auth_key": {"write_only": True, "help_text": "base64url of 16 bytes."},
            "user_agent": {"help_text": "A name for the device. The default is the User-Agent header."},
        }

    def validate_endpoint(self, value: str) -> str:
        try:
            parse_endpoint(value)
        except EndpointRefusedError as error:
            raise serializers.ValidationError(str(error), code="endpoint_refused") from error
        return value

    def validate_p256dh_key(self, value: str) -> str:
        point = _decoded(value)
        try:
            if len(point) != _POINT_BYTES:
                raise ValueError
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            right = "This must be base64url of an uncompressed point of the curve P-256 (65 bytes)."
            raise serializers.ValidationError(right, code="bad_key") from None
        return value.rstrip("=")

    def validate_auth_key(self, value: str) -> str:
        if len(_decoded(value)) != _SECRET_BYTES:
            raise serializers.ValidationError("This must be base64url of 16 bytes.", code="bad_key")
        return value.rstrip("=")


class PublicKeySerializer(serializers.Serializer[Any]):
    """The browser's `applicationServerKey`: a P-256 point, base64url without padding."""

    public_key = serializers.CharField()


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    error = serializers.SerializerMethodField(help_text="Why there was no response.")

    class Meta:
        model = DeliveryAttempt
        fields = ["at", "status", "error"]

    def get_error(self, attempt: DeliveryAttempt) -> str:
        # The text of a response is the push service's; only operators see it.
        return attempt.error if attempt.status is None else ""


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    attempts = AttemptSerializer(many=True)
    next_attempt_at = serializers.SerializerMethodField(help_text="Null if there will be no other attempt.")

    class Meta:
        model = Delivery
        fields = [
            *("id", "channel", "subscription_id", "state", "created_at"),
            *("next_attempt_at", "expires_at", "sent_at", "attempts"),
        ]

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: Delivery) -> Any:
        if delivery.state != Delivery.State.PENDING:
            return None
        return serializers.DateTimeField().to_representation(delivery.next_attempt_at)


class ReminderSerializer(serializers.ModelSerializer[Reminder]):
    """A due reminder: when it was claimed, how late, and each delivery with its attempts."""

    lateness_seconds = serializers.SerializerMethodField()
    deliveries = DeliverySerializer(many=True)

    class Meta:
        model = Reminder
        fields = ["id", "reminder_at", "claimed_at", "lateness_seconds", "state", "deliveries"]

    def get_lateness_seconds(self, reminder: Reminder) -> float:
        return reminder.lateness.total_seconds()


def _decoded(value: str) -> bytes:
    """The bytes of a base64url text, padded or not; empty if it is not base64url."""
    matched = _BASE64URL.fullmatch(value)
    if matched is None or len(matched[1]) % 4 == 1:
        return b""
    return urlsafe_b64decode(matched[1] + "=" * (-len(matched[1]) % 4))
