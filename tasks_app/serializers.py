"""Priorities and tags as the API has them."""

from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueTogetherValidator

from http_app.serializers import StrictSerializer
from tasks_app.models import Priority, Tag


class PrioritySerializer(StrictSerializer, serializers.ModelSerializer[Priority]):
    class Meta:
        model = Priority
        fields = ["id", "name", "level", "color", "created_at"]
        read_only_fields = ["id", "created_at"]


class TagSerializer(StrictSerializer, serializers.ModelSerializer[Tag]):
    user = serializers.HiddenField(default=serializers.CurrentUserDefault())

    class Meta:
        model = Tag
        fields = ["id", "user", "name", "color", "created_at"]
        read_only_fields = ["id", "created_at"]
        validators = [
            UniqueTogetherValidator(
                queryset=Tag.objects.all(),
                fields=["user", "name"],
                message="You have a tag of this name already.",
            )
        ]

    def update(self, instance: Tag, validated_data: dict[str, Any]) -> Tag:
        validated_data.pop("user", None)
        return super().update(instance, validated_data)
