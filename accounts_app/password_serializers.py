from typing import Any

from rest_framework import serializers

from accounts_app import email_confirmation, mails, passwords
from accounts_app.models import DueMail
from accounts_app.serializers import PasswordField
from accounts_app.throttles import limit_mails
from http_app.serializers import StrictSerializer


class PasswordChangeSerializer(StrictSerializer):
    current_password = PasswordField()
    new_password = PasswordField()
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)

    def save(self, **kwargs: Any) -> Any:
        given = self.validated_data
        user = self.context["request"].user
        return passwords.change_password(user, current=given["current_password"], new=given["new_password"])


class PasswordResetSerializer(StrictSerializer):
    email = serializers.EmailField(max_length=254)

    def save(self, **kwargs: Any) -> None:
        # Whether anybody has the address is not looked at: not the answer, and not its time, tells.
        limit_mails(DueMail.Kind.PASSWORD_RESET, self.validated_data["email"])
        mails.request_mail(DueMail.Kind.PASSWORD_RESET, self.validated_data["email"])


class PasswordResetConfirmSerializer(StrictSerializer):
    uid = serializers.UUIDField()
    token = serializers.CharField()
    password = PasswordField()

    def save(self, **kwargs: Any) -> None:
        given = self.validated_data
        passwords.reset_password(given["uid"], token=given["token"], new=given["password"])


class EmailConfirmSerializer(StrictSerializer):
    token = serializers.CharField()

    def save(self, **kwargs: Any) -> None:
        email_confirmation.confirm(self.validated_data["token"])
