"""Stored answers to requests that may be sent again."""

from django.conf import settings
from django.db import models
from django.utils import timezone

KEY_MAX_LENGTH = 255


class IdempotencyKey(models.Model):
    """A user's key, a hash of the request it was used for, and the exact bytes of the answer.

    Written in the transaction of the effect: both are stored or neither. `status` is null only inside it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=KEY_MAX_LENGTH)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, URL and body")
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "idempotency_keys"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_keys_by_age")]

    def __str__(self) -> str:
        return self.key
