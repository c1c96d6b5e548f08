"""The database deletes them, as in 0003_deletions_by_the_database."""

from django.db import migrations

FOREIGN_KEY = "reminder_actions_reminder_id_d517e1c2_fk_reminders_id"


def replaced(on_delete: str) -> str:
    return (
        f"ALTER TABLE reminder_actions DROP CONSTRAINT {FOREIGN_KEY}, ADD CONSTRAINT {FOREIGN_KEY}"
        f" FOREIGN KEY (reminder_id) REFERENCES reminders (id) ON DELETE {on_delete}"
        " DEFERRABLE INITIALLY DEFERRED"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("notifications_app", "0005_actions_of_reminders"),
    ]

    operations = [migrations.RunSQL(replaced("CASCADE"), replaced("NO ACTION"))]
