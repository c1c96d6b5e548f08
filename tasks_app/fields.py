from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class LocalDateTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """A wall-clock time without zone (naive datetime); the zone stands in another column.

    A 02:30 anchor inside a DST gap cannot be kept as an instant: it would come back as 03:30.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "timestamp without time zone"

    def get_prep_value(self, value: Any) -> datetime | None:
        # Not DateTimeField's own, which takes a naive value for a mistake.
        naive: datetime | None = self.to_python(value)
        if naive is not None and naive.tzinfo is not None:
            raise ValidationError(f"{self.name} is a wall-clock time: it takes no zone.", code="aware")
        return naive
