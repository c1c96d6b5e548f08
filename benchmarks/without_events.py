"""The product's web process without its events: a switch from outside, the product has none."""

from importlib import import_module

from todo_project.wsgi import application  # noqa: F401 - what granian serves; importing it sets Django up

changes = import_module("tasks_app.changes")  # not imported above: it needs the apps
if not callable(changes.record):
    raise RuntimeError("Changes of tasks are recorded elsewhere by now; switch it off there.")
setattr(changes, "record", lambda _changes, _tag_ids: None)  # noqa: B010 - mypy knows no module's names
