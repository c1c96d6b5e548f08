"""A new password, and a confirmed e-mail address: what a mail with a token is sent for."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import permissions, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts_app import mails, throttles
from accounts_app.api_tokens import NotByApiToken
from accounts_app.models import DueMail, User
from accounts_app.password_serializers import (
    EmailConfirmSerializer,
    PasswordChangeSerializer,
    PasswordResetConfirmSerializer,
    PasswordResetSerializer,
)
from accounts_app.serializers import SignInSerializer
from http_app.errors import Conflict
from http_app.views import ApiView

_UID = "0b6f3d0e-6f0f-4b53-8e0b-6f1f5a3c9d10"


class _Form(ApiView, GenericAPIView[Any]):
    """What is sent is a secret, or what is answered: nothing of it is kept."""

    keeps_answers = False

    def saved(self, request: Request) -> Any:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.save()


class _OpenForm(_Form):
    """For those who cannot sign in."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [permissions.AllowAny]
    throttle_classes = [throttles.SignInByAddress]


class PasswordChangeView(_Form):
    """Set another password. Every sign-in ends; the answer's tokens are those of a new one."""

    permission_classes = [permissions.IsAuthenticated, NotByApiToken]
    throttle_classes = throttles.PASSWORD
    serializer_class = PasswordChangeSerializer

    @extend_schema(
        responses={200: SignInSerializer},
        examples=[
            OpenApiExample(
                "Another password",
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
    """Have a mail sent: with it a new password can be chosen, within an hour and once.

    The answer is the same whether the address has an account or not.
    """

    throttle_classes = throttles.MAIL
    serializer_class = PasswordResetSerializer

    @extend_schema(
        responses={202: None},
        examples=[OpenApiExample("Whose password", {"email": "alice@example.com"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        self.saved(request)
        return Response(status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(_OpenForm):
    """Choose a new password with what the mail says. Every sign-in ends, and the address is confirmed."""

    serializer_class = PasswordResetConfirmSerializer

    @extend_schema(
        responses={204: None},
        examples=[
            OpenApiExample(
                "What the mail says, and the password",
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
    """Show, with the token of the mail, that the account's e-mail address is yours."""

    serializer_class = EmailConfirmSerializer

    @extend_schema(
        responses={204: None},
        examples=[
            OpenApiExample(
                "What the mail says",
                {"token": f"{_UID}:1vMhYb:6r2J5xwJXn0c8yq3m7QkzB1pZtq8gV2dUe0nH9sLxYw"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        self.saved(request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EmailConfirmResendView(ApiView):
    """Have the mail that confirms your e-mail address sent again; one a minute at most."""

    permission_classes = [permissions.IsAuthenticated, NotByApiToken]

    @extend_schema(request=None, responses={202: None})
    def post(self, request: Request) -> Response:
        user = request.user
        assert isinstance(user, User)
        if user.email is None:
            raise Conflict("Your account has no e-mail address.", "no_email")
        if user.email_confirmed:
            raise Conflict("Your e-mail address is confirmed already.", "already_confirmed")
        throttles.limit_mails(DueMail.Kind.EMAIL_CONFIRMATION, user.email)
        mails.request_mail(DueMail.Kind.EMAIL_CONFIRMATION, user.email)
        return Response(status=status.HTTP_202_ACCEPTED)
