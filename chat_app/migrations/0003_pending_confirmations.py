from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat_app", "0002_use_of_the_assistant")]

    operations = [
        migrations.AlterField(
            model_name="change",
            name="kind",
            field=models.CharField(choices=[("task", "Task"), ("tag", "Tag")], max_length=8),
        ),
        migrations.AddIndex(
            model_name="confirmation",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["expires_at"], name="confirmations_pending"
            ),
        ),
    ]
