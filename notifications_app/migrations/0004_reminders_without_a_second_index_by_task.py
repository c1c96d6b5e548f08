"""The unique key (task, reminder_at) finds a task's reminders; the index of the task alone goes.

Not by AlterField, which would create the foreign key again, without the ON DELETE CASCADE of 0003.
"""

import django.db.models.deletion
from django.db import migrations, models

INDEX = "reminders_task_id_12c38893"


class Migration(migrations.Migration):
    dependencies = [
        ("notifications_app", "0003_deletions_by_the_database"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="reminder",
                    name="task",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reminders",
                        to="tasks_app.task",
                    ),
                ),
            ],
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX {INDEX}",
                    f"CREATE INDEX {INDEX} ON reminders (task_id)",
                ),
            ],
        ),
    ]
