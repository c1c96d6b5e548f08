from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tasks_app", "0006_series_slots_come_from_recurring_app")]

    operations = [
        migrations.AlterField(
            model_name="task",
            name="recurrence_rule",
            field=models.CharField(blank=True, max_length=255, null=True),
        ),
    ]
