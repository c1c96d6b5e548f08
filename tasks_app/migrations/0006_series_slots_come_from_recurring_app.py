import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def take_over_content_type(apps, schema_editor):
    """So that the permissions operators have for slots stay theirs. Nothing to do in a new database."""
    types = apps.get_model("contenttypes", "ContentType").objects
    types.filter(app_label="recurring_app", model="seriesslot").update(app_label="tasks_app")


def give_back_content_type(apps, schema_editor):
    types = apps.get_model("contenttypes", "ContentType").objects
    types.filter(app_label="tasks_app", model="seriesslot").update(app_label="recurring_app")


class Migration(migrations.Migration):
    """The table stays as it is: only the app of its model changes."""

    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("recurring_app", "0003_templates_without_a_second_index_by_user"),
        ("tasks_app", "0005_references_that_the_application_sets_to_null"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="SeriesSlot",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("series_id", models.UUIDField(blank=True, null=True)),
                        ("slot_at", models.DateTimeField()),
                        (
                            "outcome",
                            models.CharField(
                                choices=[("done", "Done"), ("skipped", "Skipped"), ("missed", "Missed")],
                                max_length=7,
                            ),
                        ),
                        (
                            "recorded_at",
                            models.DateTimeField(default=django.utils.timezone.now, editable=False),
                        ),
                        (
                            "recurring_task",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="slots",
                                to="recurring_app.recurringtask",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="series_slots",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "series_slots",
                        "ordering": ["-slot_at", "-id"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("series_id", "slot_at"), name="slot_once_per_series"
                            ),
                            models.UniqueConstraint(
                                fields=("recurring_task", "slot_at"), name="slot_once_per_template"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("recurring_task__isnull", True), ("series_id__isnull", False)),
                                    models.Q(("recurring_task__isnull", False), ("series_id__isnull", True)),
                                    _connector="OR",
                                ),
                                name="slot_of_series_or_template",
                            ),
                        ],
                    },
                ),
            ]
        ),
        migrations.RunPython(take_over_content_type, give_back_content_type),
    ]
