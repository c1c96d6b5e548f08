"""The routes of the live stream in the API's process: create a ticket, and say where the stream is."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts_app.models import User
from http_app.errors import ErrorSerializer, Misdirected
from http_app.views import ApiView
from sync_app.access import grant_of
from sync_app.openapi import DESCRIPTION, EVENTS, PARAMETERS
from sync_app.tickets import make_ticket, stream_url


class TicketSerializer(serializers.Serializer[Any]):
    url = serializers.URLField(help_text="The URL of the stream. Add `?ticket=` and the ticket.")
    ticket = serializers.CharField(help_text="Works once, until `expires_at`.")
    expires_at = serializers.DateTimeField(help_text="One minute from now.")


class StreamTicketView(ApiView):
    """A ticket for the live stream."""

    answers_secrets = True
    only_reads = True  # the stream can only be read

    @extend_schema(
        request=None,
        responses={201: TicketSerializer},
        operation_id="stream_ticket",
        summary="Create a ticket for the live stream",
        description=(
            "For `EventSource`, which cannot send headers. The stream ends when the token of this request"
            " expires. An API token needs only the scope `read`."
        ),
    )
    def post(self, request: Request) -> Response:
        ticket = make_ticket(grant_of(cast(User, request.user), request.auth))
        url = stream_url(request.get_host(), str(request.scheme))
        created = {"url": url, "ticket": ticket.text, "expires_at": ticket.expires_at}
        return Response(TicketSerializer(created).data, status.HTTP_201_CREATED)


class StreamView(ApiView):
    """Your changes, live."""

    extra_query_params = {"get": ["ticket", "last_event_id"]}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if "ticket" in request.query_params:  # only the stream process can verify it
            raise self._misdirected(request)
        super().initial(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)  # the 421 comes before a 406

    @extend_schema(
        operation_id="stream",
        summary="Follow your changes, live",
        description=DESCRIPTION,
        parameters=PARAMETERS,
        responses={(200, "text/event-stream"): EVENTS, 421: ErrorSerializer, 429: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        raise self._misdirected(request)

    @staticmethod
    def _misdirected(request: Request) -> Misdirected:
        return Misdirected(stream_url(request.get_host(), str(request.scheme)))
