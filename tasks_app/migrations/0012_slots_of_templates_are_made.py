from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tasks_app", "0011_slot_states_and_versions_of_slots"),
    ]

    operations = [
        migrations.AlterField(
            model_name="seriesslot",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("done", "Done"),
                    ("skipped", "Skipped"),
                    ("missed", "Missed"),
                    ("deleted", "Deleted"),
                    ("made", "Made"),
                ],
                max_length=7,
            ),
        ),
    ]
