"""What serializers of tasks and of templates have in common: a priority and tags, by id or by name."""

from functools import cached_property

from rest_framework import serializers
from rest_framework.serializers import ValidationError

from accounts_app.models import User
from http_app.serializers import StrictSerializer
from tasks_app.labels import visible_name
from tasks_app.lookup import Lookup

MAX_TAGS = 50  # of one task: more is a mistake of the client's, and each is a row
LARGEST_ID = 2**63 - 1


class Labelled(StrictSerializer):
    # What the user may not name is a 400 (`unknown`). (No docstring: the OpenAPI document would have it.)

    priority_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    priority = serializers.CharField(
        write_only=True, required=False, help_text="A name, instead of priority_id."
    )
    tag_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID), max_length=MAX_TAGS, required=False
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50, validators=[visible_name]),
        max_length=MAX_TAGS,
        write_only=True,
        required=False,
        help_text="Names, instead of tag_ids. New tags are created.",
    )

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
