from django.db import migrations, models

import tasks_app.labels

# A release that does not know the column renames a tag without its key: a tick then computes it.
_FORGET = """
CREATE FUNCTION tags_forget_key() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.name_key := NULL; RETURN NEW; END $$;
CREATE TRIGGER tags_forget_key BEFORE UPDATE OF name ON tags FOR EACH ROW
WHEN (lower(normalize(OLD.name)) <> lower(normalize(NEW.name)) AND OLD.name_key = NEW.name_key)
EXECUTE FUNCTION tags_forget_key();
"""
_UNDO = "DROP TRIGGER tags_forget_key ON tags; DROP FUNCTION tags_forget_key();"


class Migration(migrations.Migration):
    dependencies = [("tasks_app", "0012_slots_of_templates_are_made")]

    operations = [
        migrations.AlterField(
            model_name="tag",
            name="name",
            field=models.CharField(max_length=50, validators=[tasks_app.labels.visible_name]),
        ),
        migrations.AddField(
            model_name="tag",
            name="name_key",
            field=tasks_app.labels.TagKeyField(editable=False, max_length=200, null=True),
        ),
        # All keys are null, so that it holds; older processes write null, of which many are allowed.
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.UniqueConstraint(fields=("user", "name_key"), name="tag_unique_by_key"),
        ),
        migrations.RunSQL(_FORGET, _UNDO),
    ]
