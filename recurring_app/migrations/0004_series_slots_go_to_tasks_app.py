from django.db import migrations


class Migration(migrations.Migration):
    """The table stays as it is: only the app of its model changes."""

    dependencies = [
        ("recurring_app", "0003_templates_without_a_second_index_by_user"),
        ("tasks_app", "0006_series_slots_come_from_recurring_app"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("SeriesSlot")]),
    ]
