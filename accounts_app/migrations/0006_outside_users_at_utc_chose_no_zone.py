from django.db import migrations

_MARK = """
UPDATE users SET timezone_is_default = true
WHERE timezone = 'UTC' AND id IN (SELECT user_id FROM outside_identities)
"""


class Migration(migrations.Migration):
    dependencies = [("accounts_app", "0005_whether_a_zone_was_chosen")]

    operations = [migrations.RunSQL(_MARK, migrations.RunSQL.noop)]
