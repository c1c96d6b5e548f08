from rest_framework import serializers

from benchmarks.naive.models import Priority, Tag, Task

FIELDS = [
    "id",
    "title",
    "description",
    "completed",
    "completed_at",
    "color",
    "pinned",
    "archived",
    "deleted_at",
    "due_at",
    "reminder_at",
    "reminder_offsets",
    "reminder_sent",
    "snoozed_until",
    "is_recurring",
    "recurrence_rule",
    "recurrence_end",
    "recurrence_mode",
    "timezone",
    "occurrence_at",
    "parent_task",
    "recurring_task_id",
    "priority",
    "tags",
    "version",
    "created_at",
    "updated_at",
]


class PrioritySerializer(serializers.ModelSerializer):
    class Meta:
        model = Priority
        fields = ["id", "name", "level", "color"]


class TagSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tag
        fields = ["id", "name", "color"]


class TaskSerializer(serializers.ModelSerializer):
    """For writing: priority and tags by id."""

    tags = serializers.PrimaryKeyRelatedField(many=True, queryset=Tag.objects.all(), required=False)

    class Meta:
        model = Task
        fields = FIELDS


class TaskListSerializer(serializers.ModelSerializer):
    """For reading: priority and tags as objects."""

    priority = PrioritySerializer()
    tags = TagSerializer(many=True)

    class Meta:
        model = Task
        fields = FIELDS
