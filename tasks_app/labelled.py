"""What serializers of tasks and of templates have in common: a priority and tags, by id or by name."""

from functools import cached_property
from typing import Any

from rest_framework.serializers import ValidationError

from accounts_app.models import User
from tasks_app.lookup import Lookup


class Labelled:
    # A mixin, before a serializer with some of `priority_id`, `priority` and `tag_ids`. Each is a 400
    # (`unknown`) for what the user may not name. (No docstring: the OpenAPI document would have it.)

    context: dict[str, Any]

    @cached_property
    def user(self) -> User:
        user = self.context["request"].user
        assert isinstance(user, User)
        return user

    @cached_property
    def lookup(self) -> Lookup:
        """That of the whole request, if several serializers share one."""
        return self.context.get("lookup") or Lookup(self.user)

    def validate_priority_id(self, value: int) -> int:
        if not self.lookup.has_priority(value):
            raise ValidationError("There is no priority with this id: see /api/priorities.", code="unknown")
        return value

    def validate_priority(self, value: str) -> int:
        found = self.lookup.priority_named(value)
        if found is None:
            raise ValidationError("There is no priority with this name: see /api/priorities.", code="unknown")
        return found

    def validate_tag_ids(self, value: list[int]) -> set[int]:
        tag_ids = self.lookup.tags(value)
        if missing := set(value) - tag_ids:
            raise ValidationError(f"You have no tag with the id {min(missing)}.", code="unknown")
        return tag_ids
