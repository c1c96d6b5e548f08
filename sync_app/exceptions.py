"""Errors of the live stream."""

from rest_framework import status
from rest_framework.exceptions import APIException

from http_app.errors import Unavailable


class TooManyStreams(APIException):
    """429: the user has STREAM_CONNECTIONS_PER_USER streams open in this process."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_streams"
    default_detail = "You have too many open streams. Close one first."
    wait = 5  # DRF's name for Retry-After, seconds


class StreamsFull(Unavailable):
    """503: this process has STREAM_CONNECTIONS open streams, or is shutting down."""

    default_code = "streams_full"
    default_detail = "The server accepts no more streams at the moment. Try again."


class StreamUnavailable(Unavailable):
    """503: without the state store no stream can start."""

    default_code = "stream_away"
    default_detail = "The live stream is not available at the moment. Read /api/tasks and try again."
