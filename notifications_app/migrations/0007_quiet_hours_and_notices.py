"""Reminders can wait for the end of quiet hours, and deliveries be of several reminders.

The database deletes or empties the new references, as in 0003: an older release does not know them.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CONSTRAINTS = [
    ("deliveries_sent_with_id_110015dd_fk_deliveries_id", "sent_with_id", "deliveries", "SET NULL"),
    ("deliveries_due_task_id_02bc917b_fk_tasks_id", "due_task_id", "tasks", "CASCADE"),
]


def replaced(name: str, column: str, target: str, on_delete: str) -> str:
    return (
        f"ALTER TABLE deliveries DROP CONSTRAINT {name}, ADD CONSTRAINT {name} FOREIGN KEY ({column})"
        f" REFERENCES {target} (id) ON DELETE {on_delete} DEFERRABLE INITIALLY DEFERRED"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("notifications_app", "0006_actions_go_with_their_reminder"),
        ("tasks_app", "0019_rings_in_quiet_hours"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="notice",
            field=models.CharField(
                choices=[("list", "List"), ("missed", "Missed"), ("due_soon", "Due Soon")],
                max_length=8,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="sent_with",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="named",
                to="notifications_app.delivery",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="due_task",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tasks_app.task",
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="quiet_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="reminder",
            name="waits_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="reminder",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("due", "Due"),
                    ("delivered", "Delivered"),
                    ("no_device", "No Device"),
                    ("no_channel", "No Channel"),
                    ("missed", "Missed"),
                    ("undelivered", "Undelivered"),
                    ("cancelled", "Cancelled"),
                ],
                default="due",
                max_length=11,
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("due_task__isnull", False)),
                fields=["due_task"],
                name="deliveries_of_a_task",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("sent_with__isnull", False)),
                fields=["sent_with"],
                name="deliveries_in_notices",
            ),
        ),
        migrations.AddIndex(
            model_name="reminder",
            index=models.Index(
                condition=models.Q(("waits_until__isnull", False)),
                fields=["waits_until"],
                name="reminders_that_wait",
            ),
        ),
        migrations.RunSQL(
            [replaced(*constraint) for constraint in CONSTRAINTS],
            [replaced(*constraint[:-1], on_delete="NO ACTION") for constraint in CONSTRAINTS],
        ),
    ]
