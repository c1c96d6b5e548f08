"""The four default priorities. Operators can add one for the fifth level.

Medium's id is the default of tasks.priority_id (tasks_app.models.DEFAULT_PRIORITY_ID), so the ids are given.
"""

from django.db import migrations

FIRST = [
    (1, "Low", 1, "#6B7280"),
    (2, "Medium", 2, "#3B82F6"),
    (3, "High", 3, "#F59E0B"),
    (4, "Critical", 4, "#EF4444"),
]


def add(apps, schema_editor):
    priorities = apps.get_model("tasks_app", "Priority").objects
    priorities.bulk_create(
        priorities.model(id=id, name=name, level=level, color=color) for id, name, level, color in FIRST
    )
    schema_editor.execute("SELECT setval(pg_get_serial_sequence('priorities', 'id'), 4)")


def remove(apps, schema_editor):
    apps.get_model("tasks_app", "Priority").objects.filter(id__in=[id for id, *_ in FIRST]).delete()


class Migration(migrations.Migration):
    dependencies = [("tasks_app", "0001_tables")]

    operations = [migrations.RunPython(add, remove)]
