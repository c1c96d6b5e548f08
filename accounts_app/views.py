"""Sign up, sign in, sign out, and the signed-in user's account."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import permissions, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.generics import CreateAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.views import TokenViewBase

from accounts_app import erasure, sign_ins, throttles
from accounts_app.api_tokens import NotByApiToken
from accounts_app.models import SignIn, User
from accounts_app.serializers import (
    MeSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    SignInSerializer,
    SignOutSerializer,
)
from http_app.errors import ErrorSerializer
from http_app.views import ApiView


@extend_schema(responses={201: MeSerializer})
class RegisterView(ApiView, CreateAPIView[User]):
    """Open an account."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [permissions.AllowAny]
    throttle_classes = throttles.SIGN_UP
    serializer_class = RegistrationSerializer


@extend_schema(summary="Sign in", responses={200: SignInSerializer, 401: ErrorSerializer})
class SignInView(ApiView, TokenViewBase):
    """Exchange an email address and password for an access token (minutes) and a refresh token (days)."""

    answers_secrets = True
    throttle_classes = throttles.SIGN_IN
    serializer_class = SignInSerializer


@extend_schema(responses={200: RefreshSerializer, 401: ErrorSerializer})
class RefreshView(ApiView, TokenViewBase):
    """Exchange a refresh token for new tokens. It works once.

    Using it again is a 401 and ends the sign-in: two clients have its tokens.
    """

    answers_secrets = True
    throttle_classes = throttles.REFRESH
    serializer_class = RefreshSerializer
    reused: SignIn | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        if self.reused is not None:  # the transaction of the rejected request has been rolled back
            sign_ins.end_reused(self.reused)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc.__cause__, sign_ins.ReusedTokenError):
            self.reused = exc.__cause__.sign_in
        return super().handle_exception(exc)


class SignOutView(ApiView, TokenViewBase):
    """End a sign-in: its refresh token stops working. Access tokens work until they expire, after minutes."""

    throttle_classes = throttles.REFRESH
    serializer_class = SignOutSerializer

    @extend_schema(responses={204: None, 401: ErrorSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        super().post(request, *args, **kwargs)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    get=extend_schema(description="Read your account."),
    patch=extend_schema(description="Change your account. Fields that are not sent stay the same."),
)
class MeView(ApiView, RetrieveUpdateDestroyAPIView[User]):
    """The account of the signed-in user."""

    http_method_names = ["get", "patch", "delete", "head", "options"]
    serializer_class = MeSerializer

    def get_permissions(self) -> Any:
        closing = self.request is not None and self.request.method == "DELETE"
        return [*super().get_permissions(), *([NotByApiToken()] if closing else [])]

    def get_object(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user

    @extend_schema(responses={202: None})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Close the account. This signs out everywhere at once and soon erases all data; it cannot be undone.

        Every token stops working, and the email address can be used for a new account.
        """
        erasure.close_account(self.get_object())
        return Response(status=status.HTTP_202_ACCEPTED)
