import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models

# A release that does not know the column changes a text without its words: a tick then fills them.
_FORGET = """
CREATE FUNCTION tasks_forget_words() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.words := NULL; RETURN NEW; END $$;
CREATE TRIGGER tasks_forget_words BEFORE UPDATE OF title, description ON tasks FOR EACH ROW
WHEN ((OLD.title, OLD.description) IS DISTINCT FROM (NEW.title, NEW.description)
      AND OLD.words IS NOT DISTINCT FROM NEW.words)
EXECUTE FUNCTION tasks_forget_words();
"""
_UNDO = "DROP TRIGGER tasks_forget_words ON tasks; DROP FUNCTION tasks_forget_words();"


class Migration(migrations.Migration):
    dependencies = [("tasks_app", "0009_what_a_series_has_and_moves")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="words",
            field=django.contrib.postgres.search.SearchVectorField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="task",
            index=django.contrib.postgres.indexes.GinIndex(fields=["words"], name="tasks_words"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("words__isnull", True)), fields=["id"], name="tasks_without_words"
            ),
        ),
        migrations.RunSQL(_FORGET, _UNDO),
    ]
