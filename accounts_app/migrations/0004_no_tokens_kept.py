"""The tables of simplejwt's blacklist go: they kept each refresh token in clear (docs/decisions/0007).

Its rows in django_migrations go too, so that an older release, which has the app, makes the tables again.
"""

from django.db import migrations

FORGET = [
    "DROP TABLE IF EXISTS token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken",
    "DELETE FROM django_migrations WHERE app = 'token_blacklist'",
]


class Migration(migrations.Migration):
    dependencies = [
        ("accounts_app", "0003_sign_ins_due_mails_and_erasure"),
    ]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
