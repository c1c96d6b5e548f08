"""The API of personal API tokens. Only an access token may call it."""

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
        help_text="`read` allows GET, HEAD and OPTIONS; `write` allows everything else.",
    )
    expires_at = InstantField(
        allow_null=True,
        required=False,
        help_text="When the token expires. Without it, the token works until it is deleted.",
    )

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scopes", "expires_at", "last_used_at", "created_at"]
        read_only_fields = ["id", "last_used_at", "created_at"]
        extra_kwargs: dict[str, dict[str, Any]] = {
            "name": {"help_text": "A name to recognise the token by."},
            "last_used_at": {"help_text": "Accurate to one minute."},
        }

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        if len(set(scopes)) < len(scopes):
            raise ValidationError("List each scope only once.", "repeated")
        return sorted(scopes)

    def validate_expires_at(self, expires_at: Any) -> Any:
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("This time is in the past. Enter a future time, or null.", "past")
        return expires_at


class NewApiTokenSerializer(ApiTokenSerializer):
    """A new token with its secret, which no other response contains."""

    token = serializers.CharField(
        help_text=f"`{PREFIX}` and 64 hexadecimal digits. Save it now: it is not shown again."
    )

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "token"]


@extend_schema_view(
    get=extend_schema(description="Your personal API tokens, without their secrets."),
    post=extend_schema(
        description=(
            "Create a token. Only this response contains its secret, so `Idempotency-Key` is ignored: a"
            f" stored response would store the secret. You can have {MAX_PER_USER} tokens (409 beyond that)."
        ),
        request=ApiTokenSerializer,
        responses={201: NewApiTokenSerializer},
    ),
)
class ApiTokensView(ApiView, OwnedByUser, ListCreateAPIView[ApiToken]):
    """Personal API tokens, which your programs send in place of an access token."""

    answers_secrets = True
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
    """Delete a token. It stops working at once."""

    permission_classes = [IsAuthenticated, NotByApiToken]
    queryset = ApiToken.objects.all()
    serializer_class = ApiTokenSerializer
