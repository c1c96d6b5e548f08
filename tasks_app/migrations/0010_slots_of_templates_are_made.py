from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tasks_app", "0009_what_a_series_has_and_moves"),
    ]

    operations = [
        migrations.AlterField(
            model_name="seriesslot",
            name="outcome",
            field=models.CharField(
                choices=[("done", "Done"), ("skipped", "Skipped"), ("missed", "Missed"), ("made", "Made")],
                max_length=7,
            ),
        ),
    ]
