"""The API of personal API tokens."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import DestroyAPIView, ListCreateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts_app.api_tokens import PREFIX, NotByApiToken, create_api_token
from accounts_app.models import ApiToken, User
from http_app.serializers import StrictSerializer
from http_app.views import ApiView, OwnedByUser

_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "name": "backup script",
    "scopes": ["read"],
    "expires_at": "2031-01-01T00:00:00Z",
    "last_used_at": None,
    "created_at": "2030-05-01T07:00:00Z",
}


class ApiTokenSerializer(StrictSerializer, serializers.ModelSerializer[ApiToken]):
    scopes = serializers.ListField(
        child=serializers.ChoiceField(ApiToken.Scope.choices),
        allow_empty=False,
        max_length=len(ApiToken.Scope.choices),
        help_text="`read` for GET, HEAD and OPTIONS, `write` for everything else; one of them or both.",
    )

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scopes", "expires_at", "last_used_at", "created_at"]
        read_only_fields = ["id", "last_used_at", "created_at"]
        extra_kwargs: dict[str, dict[str, Any]] = {
            "name": {"help_text": "What you will know it by."},
            "expires_at": {
                "help_text": "From then on it is refused; null or left out: good until it is deleted."
            },
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
    post=extend_schema(
        request=ApiTokenSerializer,
        responses={201: NewApiTokenSerializer},
        examples=[
            OpenApiExample(
                "A token that only reads",
                {key: _EXAMPLE[key] for key in ("name", "scopes", "expires_at")},
                request_only=True,
            ),
            OpenApiExample(
                "Its secret, shown once",
                _EXAMPLE | {"token": PREFIX + "0123456789abcdef" * 4},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    ),
    get=extend_schema(examples=[OpenApiExample("One token", _EXAMPLE, response_only=True)]),
)
class ApiTokensView(ApiView, OwnedByUser, ListCreateAPIView[ApiToken]):
    """Personal API tokens, 50 at most: for programs of yours, in the place of an access token."""

    # A kept answer would keep the secret.
    keeps_answers = False
    permission_classes = [IsAuthenticated, NotByApiToken]
    queryset = ApiToken.objects.all()
    serializer_class = ApiTokenSerializer
    ordering_fields = {"created_at": "created_at", "name": "name"}
    default_ordering = "-created_at"

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a token. Its secret is in this answer and nowhere else; Idempotency-Key is not heeded here."""
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
