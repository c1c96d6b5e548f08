import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications_app", "0004_reminders_without_a_second_index_by_task"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReminderAction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("action", models.CharField(max_length=20)),
                ("at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("done", "Done"),
                            ("completed", "Completed"),
                            ("deleted", "Deleted"),
                            ("archived", "Archived"),
                            ("moved", "Moved"),
                            ("closed", "Closed"),
                        ],
                        max_length=9,
                    ),
                ),
                ("completed_at", models.DateTimeField(null=True)),
                ("snoozed_until", models.DateTimeField(null=True)),
                ("snoozed_before", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "reminder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="actions",
                        to="notifications_app.reminder",
                    ),
                ),
            ],
            options={
                "db_table": "reminder_actions",
                "ordering": ["at", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("reminder", "action"), name="reminder_action_once")
                ],
            },
        ),
    ]
