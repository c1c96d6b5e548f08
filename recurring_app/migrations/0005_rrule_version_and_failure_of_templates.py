import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recurring_app", "0004_series_slots_go_to_tasks_app"),
        ("tasks_app", "0008_without_indexes_by_update_and_priority"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="recurringtask",
            name="template_cron_only_with_custom",
        ),
        migrations.AddField(
            model_name="recurringtask",
            name="failed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="recurringtask",
            name="failure",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=500),
        ),
        migrations.AddField(
            model_name="recurringtask",
            name="rrule",
            field=models.CharField(blank=True, max_length=255, null=True),
        ),
        migrations.AddField(
            model_name="recurringtask",
            name="version",
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False),
        ),
        migrations.AlterField(
            model_name="recurringtask",
            name="due_after_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="From the occurrence to the due time of its task; empty: no due time.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(527040)],
            ),
        ),
        migrations.AlterField(
            model_name="recurringtask",
            name="reminder_offsets",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveIntegerField(
                    validators=[django.core.validators.MaxValueValidator(527040)]
                ),
                blank=True,
                default=list,
                size=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringtask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("cron_expression__isnull", False),
                        ("recurrence_pattern", "custom"),
                        ("rrule__isnull", True),
                    ),
                    models.Q(
                        ("cron_expression__isnull", True),
                        ("recurrence_pattern", "custom"),
                        ("rrule__isnull", False),
                    ),
                    models.Q(
                        models.Q(("recurrence_pattern", "custom"), _negated=True),
                        ("cron_expression__isnull", True),
                        ("rrule__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="template_one_rule_only_with_custom",
            ),
        ),
    ]
