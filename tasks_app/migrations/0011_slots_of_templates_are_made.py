from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tasks_app", "0010_words_of_each_task"),
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
