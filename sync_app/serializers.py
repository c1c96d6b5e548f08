from typing import Any

from rest_framework import serializers


class TicketSerializer(serializers.Serializer[Any]):
    url = serializers.URLField(help_text="Where the stream is: add `?ticket=`, and the ticket.")
    ticket = serializers.CharField(help_text="Good once, until `expires_at`.")
    expires_at = serializers.DateTimeField(help_text="A minute from now.")
