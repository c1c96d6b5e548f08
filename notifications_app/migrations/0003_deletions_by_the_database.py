"""Django collects the rows to delete first; the database deletes rows that are added in between.

A worker may add an attempt, or the consumer a delivery, while the task is erased: without this, the
erasure would fail at its commit. Same constraints, same names; only ON DELETE is added.
"""

from django.db import migrations

CONSTRAINTS = [
    ("reminders", "reminders_task_id_12c38893_fk_tasks_id", "task_id", "tasks", "CASCADE"),
    ("deliveries", "deliveries_reminder_id_f9d85477_fk_reminders_id", "reminder_id", "reminders", "CASCADE"),
    ("deliveries", "deliveries_user_id_3e30f5c5_fk_users_id", "user_id", "users", "CASCADE"),
    (
        "deliveries",
        "deliveries_subscription_id_f0366354_fk_push_subscriptions_id",
        "subscription_id",
        "push_subscriptions",
        "SET NULL",
    ),
    (
        "delivery_attempts",
        "delivery_attempts_delivery_id_d251ec49_fk_deliveries_id",
        "delivery_id",
        "deliveries",
        "CASCADE",
    ),
]


def replaced(table: str, name: str, column: str, target: str, on_delete: str) -> str:
    return (
        f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} FOREIGN KEY ({column})"
        f" REFERENCES {target} (id) ON DELETE {on_delete} DEFERRABLE INITIALLY DEFERRED"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("notifications_app", "0002_queued_deliveries"),
    ]

    operations = [
        migrations.RunSQL(
            [replaced(*constraint) for constraint in CONSTRAINTS],
            [replaced(*constraint[:-1], on_delete="NO ACTION") for constraint in CONSTRAINTS],
        )
    ]
