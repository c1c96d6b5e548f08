"""The API of personal API tokens."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import DestroyAPIView, ListCreateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts_app.api_tokens import MAX_PER_USER, PREFIX, NotByApiToken, create_api_token
from accounts_app.models import ApiToken, User
from http_app.datetime_fields import InstantField
from http_app.serializers import OneOfField, StrictSerializer
from http_app.views import ApiView, OwnedByUser


class ApiTokenSerializer(StrictSerializer, serializers.ModelSerializer[ApiToken]):
    scopes = serializers.ListField(
        child=OneOfField(ApiToken.Scope.choices),
        allow_empty=False,
        max_length=len(ApiToken.Scope.choices),
        help_text="`read` for GET, HEAD and OPTIONS, `write` for everything else; one of them or both.",
    )
    expires_at = InstantField(
        allow_null=True,
        required=False,
        help_text="From then on it is refused; null or left out: good until it is deleted.",
    )

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scopes", "expires_at", "last_used_at", "created_at"]
        read_only_fields = ["id", "last_used_at", "created_at"]
        extra_kwargs: dict[str, dict[str, Any]] = {
            "name": {"help_text": "What you will know it by."},
            "last_used_at": {"help_text": "Right to a minute."},
        }

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        if len(set(scopes)) < len(scopes):
            raise ValidationError("Name each scope once.", "repeated")
        return sorted(scopes)

    def validate_expires_at(self, expires_at: Any) -> Any:
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("This is past; give a time in the future, or null.", "past")
        return expires_at


class NewApiTokenSerializer(ApiTokenSerializer):
    """A new token, with its secret: this answer alone has it."""

    token = serializers.CharField(
        help_text=f"`{PREFIX}` and 64 hexadecimal digits. Keep it: it is not shown again."
    )

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "token"]


@extend_schema_view(
    get=extend_schema(description="Your personal API tokens, without their secrets."),
    post=extend_schema(
        description=(
            "Make a token. Its secret is in this answer and nowhere else; `Idempotency-Key` is not heeded:"
            f" a kept answer would keep the secret. A person has {MAX_PER_USER} at most (409)."
        ),
        request=ApiTokenSerializer,
        responses={201: NewApiTokenSerializer},
    ),
)
class ApiTokensView(ApiView, OwnedByUser, ListCreateAPIView[ApiToken]):
    """Personal API tokens: for programs of yours, in the place of an access token."""

    keeps_answers = False  # they have the secret in them
    permission_classes = [IsAuthenticated, NotByApiToken]
    queryset = ApiToken.objects.all()
    serializer_class = ApiTokenSerializer
    ordering_fields = {"created_at": "created_at", "name": "name"}
    default_ordering = "-created_at"

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        assert isinstance(request.user, User)
        token, secret = create_api_token(request.user, **{"expires_at": None} | serializer.validated_data)
        return Response(serializer.to_representation(token) | {"token": secret}, status.HTTP_201_CREATED)


class ApiTokenView(ApiView, OwnedByUser, DestroyAPIView[ApiToken]):
    """Delete a token: it is refused from this moment on."""

    permission_classes = [IsAuthenticated, NotByApiToken]
    queryset = ApiToken.objects.all()
    serializer_class = ApiTokenSerializer
