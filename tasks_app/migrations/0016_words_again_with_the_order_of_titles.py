from django.db import migrations

# Rows that have words already get both: manage.py upgrade_rows computes them together.
_AGAIN = "UPDATE tasks SET words = NULL WHERE words IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("tasks_app", "0015_order_of_titles")]

    operations = [migrations.RunSQL(_AGAIN, migrations.RunSQL.noop)]
