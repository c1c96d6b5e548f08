"""What the API's process has of the live stream: the ticket, and where the stream is."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts_app.models import User
from http_app.errors import ErrorSerializer
from http_app.views import ApiView
from sync_app.access import grant_of
from sync_app.openapi import DESCRIPTION, EVENTS, PARAMETERS
from sync_app.refusals import Misdirected
from sync_app.serializers import TicketSerializer
from sync_app.tickets import make_ticket, stream_url


class StreamTicketView(ApiView):
    """A ticket for the live stream."""

    keeps_answers = False  # they have a secret in them
    only_reads = True  # what a ticket leads to

    @extend_schema(
        request=None,
        responses={201: TicketSerializer},
        operation_id="stream_ticket",
        summary="Make a ticket for the live stream",
        description=(
            "For `EventSource`, which cannot send headers. The stream ends when the token does that the"
            " ticket was made with. An API token needs the scope `read` only."
        ),
    )
    def post(self, request: Request) -> Response:
        ticket = make_ticket(grant_of(cast(User, request.user), request.auth))
        url = stream_url(request.get_host(), str(request.scheme))
        answer = {"url": url, "ticket": ticket.text, "expires_at": ticket.expires_at}
        return Response(TicketSerializer(answer).data, status.HTTP_201_CREATED)


class StreamView(ApiView):
    """Your changes, live."""

    extra_query_params = {"get": ["ticket", "last_event_id"]}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if "ticket" in request.query_params:  # which only the stream's process can read
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
