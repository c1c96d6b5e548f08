from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tasks_app", "0014_external_ids")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="title_key",
            field=models.TextField(db_collation="C", editable=False, null=True),
        ),
        # A release that orders by the title itself sorts a user's tasks while it runs beside this one.
        migrations.RemoveIndex(model_name="task", name="tasks_by_title"),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["user", "title_key", "id"], name="tasks_by_title_key"),
        ),
    ]
