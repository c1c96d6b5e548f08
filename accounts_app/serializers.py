from typing import Any

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, When
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, ErrorDetail, ValidationError

from accounts_app import mails, passwords, sign_ins
from accounts_app.email_addresses import LONGEST_EMAIL, EmailAddressField
from accounts_app.hashing import LONGEST_PASSWORD
from accounts_app.known_addresses import remember
from accounts_app.models import DueMail, User, UserManager
from accounts_app.preferences import MAX_REMINDER_OFFSET_MINUTES, Channel
from accounts_app.reaching import is_reachable
from accounts_app.signals import quiet_hours_changed, zone_moved
from accounts_app.throttles import limit_mails
from http_app.datetime_fields import LocalTimeField
from http_app.serializers import OneOfField, StrictSerializer
from http_app.throttling import ByAddress
from recurrence.rules import RuleError, zone

EMAIL_TAKEN = ErrorDetail(
    "An account with this email address already exists. Sign in, or use another address.", "unique"
)


class TimeZoneField(serializers.CharField):
    """The name of an IANA zone, such as Europe/Berlin."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        try:
            zone(name)
        except RuleError as error:
            raise ValidationError(str(error), code=error.code) from error
        return name


class PasswordField(serializers.CharField):
    """A write-only string. Spaces at its ends belong to the password."""

    def __init__(self, **options: Any) -> None:
        style = {"input_type": "password"}
        options |= {"max_length": LONGEST_PASSWORD, "style": style}
        super().__init__(write_only=True, trim_whitespace=False, **options)


class MeSerializer(StrictSerializer, serializers.ModelSerializer[User]):
    """The signed-in user."""

    timezone = TimeZoneField()
    day_starts_at = LocalTimeField(
        required=False,
        help_text="When the day of an all-day task begins; its reminder_offsets count back from there.",
    )
    default_reminder_offset = serializers.IntegerField(
        min_value=0,
        max_value=MAX_REMINDER_OFFSET_MINUTES,
        allow_null=True,
        required=False,
        help_text=(
            "The reminder_offsets, in minutes, of a task that gets its first due date and names no reminder."
            " Tasks that exist do not change with it."
        ),
    )
    quiet_from = LocalTimeField(
        allow_null=True,
        required=False,
        help_text=(
            "Reminders that come due from here to quiet_to, in your time zone, wait until quiet_to. Both or"
            " neither are set."
        ),
    )
    quiet_to = LocalTimeField(allow_null=True, required=False)
    channels = serializers.ListField(
        child=OneOfField(choices=Channel.choices),
        max_length=len(Channel),
        required=False,
        help_text=(
            "How reminders are sent: `push` to your devices, `email` to your confirmed address. If none of"
            " these reaches you, the other one is used. An empty list means no reminders."
        ),
    )
    due_soon_notifications = serializers.BooleanField(
        required=False, help_text="Whether devices are notified of a task a day before it is due."
    )
    reachable = serializers.SerializerMethodField(
        help_text="Whether any device or address gets your reminders."
    )
    move_series = serializers.BooleanField(
        write_only=True,
        required=False,
        help_text=(
            "Beside timezone: true moves all open series and templates to it, at the same local times."
            " Otherwise they stay in their time zones."
        ),
    )

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "email_confirmed",
            "timezone",
            "timezone_is_default",
            "day_starts_at",
            "default_reminder_offset",
            "quiet_from",
            "quiet_to",
            "channels",
            "due_soon_notifications",
            "reachable",
            "is_staff",
            "move_series",
            "created_at",
        ]
        read_only_fields = ["id", "email", "email_confirmed", "timezone_is_default", "is_staff", "created_at"]

    def get_reachable(self, user: User) -> bool:
        return is_reachable(user)

    def validate_channels(self, value: list[str]) -> list[str]:
        return [channel for channel in Channel.values if channel in value]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs |= self._quiet_hours(attrs)
        if attrs.get("move_series") and "timezone" not in attrs:
            message = "Send the time zone to which the series move."
            raise ValidationError({"timezone": [ErrorDetail(message, "required")]})
        return attrs

    def _quiet_hours(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both ends if one of them was sent, so that two requests at once cannot leave one alone."""
        if not {"quiet_from", "quiet_to"} & attrs.keys():
            return {}
        ends = {name: attrs.get(name, getattr(self.instance, name)) for name in ("quiet_from", "quiet_to")}
        missing = [name for name, end in ends.items() if end is None]
        if len(missing) == 1:
            message = "Send quiet_from and quiet_to together: both a time, or both null."
            raise ValidationError({missing[0]: [ErrorDetail(message, "required")]})
        if not missing and ends["quiet_from"] == ends["quiet_to"]:
            message = "Quiet hours cannot end when they begin. Send null for both to turn them off."
            raise ValidationError({"quiet_to": [ErrorDetail(message, "conflict")]})
        return ends

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """Write only the given fields: the password and `is_active` of this copy may be outdated."""
        moves = validated_data.pop("move_series", False)
        if "timezone" in validated_data:
            validated_data["timezone_is_default"] = False
        if Channel.EMAIL in validated_data.get("channels", []):
            validated_data["email_stopped"] = None
        columns = validated_data.copy()
        if "day_starts_at" in validated_data:
            # Compared with the row, since this copy may be outdated here too.
            differs = ~Q(day_starts_at=validated_data["day_starts_at"])
            columns["day_start_is_new"] = Case(When(differs, then=True), default=F("day_start_is_new"))
        for name, value in validated_data.items():
            setattr(instance, name, value)
        User.objects.filter(pk=instance.pk).update(**columns)
        if {"timezone", "quiet_from"} & validated_data.keys():
            quiet_hours_changed.send(User, user=instance)
        if moves:
            zone_moved.send(User, user=instance)
        return instance


class RegistrationSerializer(StrictSerializer):
    email = EmailAddressField()
    password = PasswordField()
    timezone = TimeZoneField(required=False, help_text="Default: UTC.")

    def validate_email(self, email: str) -> str:
        normalized = UserManager.normalize_email(email)
        if User.objects.with_email(normalized).exists():
            raise ValidationError([EMAIL_TAKEN])
        return normalized

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        passwords.check_strength(attrs["password"], User(email=attrs["email"]), field="password")
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        limit_mails(DueMail.Kind.EMAIL_CONFIRMATION, validated_data["email"])
        is_default = "timezone" not in validated_data
        try:
            with transaction.atomic():
                user = User.objects.create_user(**validated_data, timezone_is_default=is_default)
        except IntegrityError as error:  # registered by another request after validate_email
            raise ValidationError({"email": [EMAIL_TAKEN]}) from error
        mails.request_mail(DueMail.Kind.EMAIL_CONFIRMATION, validated_data["email"])
        return user

    def to_representation(self, instance: User) -> dict[str, Any]:
        return MeSerializer(instance).data


class SignInSerializer(StrictSerializer):
    email = serializers.CharField(write_only=True, max_length=LONGEST_EMAIL)
    password = PasswordField()
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # An unknown address takes as long as a wrong password, and gets the same message.
        user = authenticate(self.context["request"], email=attrs["email"], password=attrs["password"])
        if user is None:
            detail = "No active account has this email address and password."
            raise AuthenticationFailed(detail, "no_active_account")
        assert isinstance(user, User)
        remember(user, ByAddress().address(self.context["request"]))
        return dict(sign_ins.sign_in(user))


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField()
    access = serializers.CharField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return dict(sign_ins.refresh(attrs["refresh"]))


class SignOutSerializer(StrictSerializer):
    refresh = serializers.CharField(write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        sign_ins.sign_out(attrs["refresh"])
        return {}
