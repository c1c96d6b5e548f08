"""The API of push subscriptions, and the history of a task's reminders."""

from typing import Any, cast

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.generics import ListAPIView
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts_app.models import User
from http_app.pagination import Pages
from http_app.views import ApiView, OwnedByUser
from notifications_app.browser_tests import send_test
from notifications_app.channels import vapid
from notifications_app.channels.channel import ChannelUnavailableError
from notifications_app.deliveries import create_test_delivery
from notifications_app.models import Delivery, PushSubscription, Reminder
from notifications_app.serializers import (
    DeliverySerializer,
    NoFieldsSerializer,
    PublicKeySerializer,
    PushSubscriptionSerializer,
    ReminderSerializer,
)
from notifications_app.subscriptions import subscribe, unsubscribe
from notifications_app.trace import why_planned
from tasks_app.models import Task

_USER_AGENT_LENGTH = 500


class PushNotConfigured(APIException):
    """503: there is no VAPID key, so no browser can subscribe."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "push_not_configured"
    default_detail = "Push notifications are not configured. The operator must set VAPID_PRIVATE_KEY."


class VapidPublicKeyView(ApiView):
    """The key a browser needs to subscribe (RFC 8292)."""

    @extend_schema(responses=PublicKeySerializer, operation_id="push_vapid_public_key")
    def get(self, request: Request) -> Response:
        return Response({"public_key": _require_key()})


class PushSubscriptionViewSet(
    ApiView,
    OwnedByUser,
    ListModelMixin,
    CreateModelMixin,
    DestroyModelMixin,
    GenericViewSet[PushSubscription],
):
    """The user's browsers. Subscribing one again binds it to the user (200; 201 if it is new)."""

    queryset = PushSubscription.objects.all()
    serializer_class = PushSubscriptionSerializer
    ordering_fields = {"created_at": "created_at"}
    default_ordering = "-created_at"

    def get_queryset(self) -> QuerySet[PushSubscription]:
        # Locked, so that the subscription is not deleted before its test delivery exists.
        rows = super().get_queryset()
        return rows.select_for_update() if self.detail else rows

    @extend_schema(responses={200: PushSubscriptionSerializer, 201: PushSubscriptionSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        subscription, is_new = self._subscribe(serializer)
        data = self.get_serializer(subscription).data
        return Response(data, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    def perform_destroy(self, instance: PushSubscription) -> None:
        unsubscribe(instance)

    @extend_schema(request=None, responses={200: DeliverySerializer, 202: DeliverySerializer})
    @action(detail=True, methods=["post"], in_transaction=False, keeps_answers=False)
    def test(self, request: Request, pk: str) -> Response:
        """Send a test notification to this browser now, and return what its push service answered.

        `attempts` has the status and its meaning, after 15 seconds at most. The response is 202 without an
        attempt while the server sends other tests; this one is then sent within seconds.
        """
        NoFieldsSerializer(data=request.data).is_valid(raise_exception=True)
        _require_key()
        with transaction.atomic():
            delivery = create_test_delivery(self.get_object())
        send_test(delivery)
        tried = delivery.attempts.exists()
        code = status.HTTP_200_OK if tried else status.HTTP_202_ACCEPTED
        return Response(DeliverySerializer(delivery).data, status=code)

    def _subscribe(self, serializer: BaseSerializer[PushSubscription]) -> tuple[PushSubscription, bool]:
        values = dict(serializer.validated_data)
        header = self.request.headers.get("User-Agent", "")
        agent = values.pop("user_agent", "") or header[:_USER_AGENT_LENGTH]
        return subscribe(cast(User, self.request.user).pk, user_agent=agent, **values)


def _require_key() -> str:
    """The public key. Raises PushNotConfigured (503)."""
    try:
        return vapid.public_key()
    except ChannelUnavailableError as error:
        raise PushNotConfigured from error


class TracePages(Pages):
    """`planned` beside the results: whether and when the task rings next."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        document = super().get_paginated_response_schema(schema)
        document["required"].append("planned")
        document["properties"]["planned"] = {
            "type": "object",
            "required": ["next_reminder_at", "why"],
            "properties": {
                "next_reminder_at": {"type": ["string", "null"], "format": "date-time"},
                "why": {"type": "string", "description": "Whether and when it rings next, for people."},
            },
        }
        return document


class TaskRemindersView(ApiView, ListAPIView[Reminder]):
    """The history of a task's reminders, newest first, with each delivery and attempt, and why.

    `planned` says whether and when the task rings next.
    """

    queryset = Reminder.objects.all()
    serializer_class = ReminderSerializer
    pagination_class = TracePages
    ordering_fields = {"claimed_at": "claimed_at"}
    default_ordering = "-claimed_at"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = cast(User, request.user)
        task = get_object_or_404(Task, pk=kwargs["task_id"], user=user.pk)
        response = super().get(request, *args, **kwargs)
        at = (
            serializers.DateTimeField().to_representation(task.next_reminder_at)
            if task.next_reminder_at
            else None
        )
        response.data["planned"] = {"next_reminder_at": at, "why": why_planned(task, user.timezone)}
        return response

    def get_queryset(self) -> QuerySet[Reminder]:
        deliveries = Delivery.objects.order_by("pk").prefetch_related("attempts")
        reminders = super().get_queryset().filter(task=self.kwargs.get("task_id")).select_related("task")
        return reminders.prefetch_related(Prefetch("deliveries", deliveries), "actions")
