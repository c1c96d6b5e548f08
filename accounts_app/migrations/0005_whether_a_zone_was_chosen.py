from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts_app", "0004_no_tokens_kept")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="timezone_is_default",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
