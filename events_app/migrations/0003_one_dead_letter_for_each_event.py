from django.db import migrations


class Migration(migrations.Migration):
    """Before the key that holds it: an event that a group gave up on twice is its last dead letter only."""

    dependencies = [
        ("events_app", "0002_parked_events_by_next_attempt"),
    ]

    operations = [
        migrations.RunSQL(
            'DELETE FROM dead_letters a USING dead_letters b WHERE a."group" = b."group"'
            " AND a.event_id = b.event_id AND a.id < b.id",
            migrations.RunSQL.noop,
        ),
    ]
