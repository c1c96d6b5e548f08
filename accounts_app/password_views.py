"""Change or reset a password, and confirm an email address."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import permissions, serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts_app import email_confirmation, mails, passwords, throttles
from accounts_app.api_tokens import NotByApiToken
from accounts_app.email_addresses import EmailAddressField
from accounts_app.models import DueMail, User
from accounts_app.serializers import PasswordField, SignInSerializer
from http_app.errors import Conflict
from http_app.serializers import StrictSerializer
from http_app.views import ApiView

LONGEST_MAIL_TOKEN = 200  # twice as long as they are
_UID = "0b6f3d0e-6f0f-4b53-8e0b-6f1f5a3c9d10"


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
    email = EmailAddressField()

    def save(self, **kwargs: Any) -> None:
        # No lookup of the account: neither the response nor its time may reveal whether there is one.
        throttles.limit_mails(DueMail.Kind.PASSWORD_RESET, self.validated_data["email"])
        mails.request_mail(DueMail.Kind.PASSWORD_RESET, self.validated_data["email"])


class PasswordResetConfirmSerializer(StrictSerializer):
    uid = serializers.UUIDField()
    token = serializers.CharField(max_length=LONGEST_MAIL_TOKEN)
    password = PasswordField()

    def save(self, **kwargs: Any) -> None:
        given = self.validated_data
        passwords.reset_password(given["uid"], token=given["token"], new=given["password"])


class EmailConfirmSerializer(StrictSerializer):
    token = serializers.CharField(max_length=LONGEST_MAIL_TOKEN)

    def save(self, **kwargs: Any) -> None:
        email_confirmation.confirm(self.validated_data["token"])


class _Form(ApiView, GenericAPIView[Any]):
    """A POST whose request or response is a secret, so responses are not stored for `Idempotency-Key`."""

    answers_secrets = True

    def saved(self, request: Request) -> Any:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.save()


class _OpenForm(_Form):
    """A form for people who are not signed in."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [permissions.AllowAny]
    throttle_classes = [throttles.SignInByAddress]


class PasswordChangeView(_Form):
    """Change your password. Every sign-in ends; the response contains the tokens of a new one."""

    permission_classes = [permissions.IsAuthenticated, NotByApiToken]
    throttle_classes = throttles.PASSWORD
    serializer_class = PasswordChangeSerializer

    @extend_schema(
        responses={200: SignInSerializer},
        examples=[
            OpenApiExample(
                "A new password",
                {
                    "current_password": "correct horse battery staple",
                    "new_password": "fresh horse fresh staple",
                },
                request_only=True,
            ),
            OpenApiExample(
                "Tokens of a new sign-in", {"access": "eyJhb...", "refresh": "eyJhb..."}, response_only=True
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        return Response(self.saved(request))


class PasswordResetView(_OpenForm):
    """Request an email for choosing a new password. It works once, within an hour.

    The response is the same whether or not an account has the address.
    """

    throttle_classes = throttles.MAIL
    serializer_class = PasswordResetSerializer

    @extend_schema(
        responses={202: None},
        examples=[OpenApiExample("An address", {"email": "alice@example.com"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        self.saved(request)
        return Response(status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(_OpenForm):
    """Choose a new password with the token of the email. Every sign-in ends, and the address is confirmed."""

    serializer_class = PasswordResetConfirmSerializer

    @extend_schema(
        responses={204: None},
        examples=[
            OpenApiExample(
                "The values of the email, and a new password",
                {
                    "uid": _UID,
                    "token": "d0fv1c-5c1f8f6b0b8e6d2f1d4c1a7f3e9b2a60",
                    "password": "fresh horse, new staple",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        self.saved(request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EmailConfirmView(_OpenForm):
    """Confirm your email address with the token of the email."""

    serializer_class = EmailConfirmSerializer

    @extend_schema(
        responses={204: None},
        examples=[
            OpenApiExample(
                "The token of the email",
                {"token": f"{_UID}:1vMhYb:6r2J5xwJXn0c8yq3m7QkzB1pZtq8gV2dUe0nH9sLxYw"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        self.saved(request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EmailConfirmResendView(ApiView):
    """Request another email for confirming your address; at most one a minute is sent."""

    permission_classes = [permissions.IsAuthenticated, NotByApiToken]

    @extend_schema(request=None, responses={202: None})
    def post(self, request: Request) -> Response:
        user = request.user
        assert isinstance(user, User)
        if user.email is None:
            raise Conflict("Your account has no email address.", "no_email")
        if user.email_confirmed:
            raise Conflict("Your email address is already confirmed.", "already_confirmed")
        throttles.limit_mails(DueMail.Kind.EMAIL_CONFIRMATION, user.email)
        mails.request_mail(DueMail.Kind.EMAIL_CONFIRMATION, user.email)
        return Response(status=status.HTTP_202_ACCEPTED)
