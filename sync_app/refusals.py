"""Why somebody gets no stream."""

from rest_framework import status
from rest_framework.exceptions import APIException

from http_app.errors import Unavailable


class Misdirected(APIException):
    """421: the stream is another process's."""

    status_code = status.HTTP_421_MISDIRECTED_REQUEST
    default_code = "misdirected"

    def __init__(self, url: str) -> None:
        super().__init__(f"The live stream is not served here but at {url}.")


class TooManyStreams(APIException):
    """429: this person has STREAM_CONNECTIONS_PER_USER streams open here."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_streams"
    default_detail = "You have as many streams open as one person may: close one first."
    wait = 5  # DRF's name for Retry-After, seconds


class StreamsFull(Unavailable):
    """503: this process holds STREAM_CONNECTIONS streams, or is about to stop."""

    default_code = "streams_full"
    default_detail = "No more streams are taken here at the moment; try again."


class StreamAway(Unavailable):
    """503: without the state store nobody knows where a stream stands."""

    default_code = "stream_away"
    default_detail = "The live stream is not there at the moment; read /api/tasks, and try again."
