"""The product's web process without its events: a switch from outside, the product has none."""

from importlib import import_module

from todo_project.rsgi import application  # noqa: F401 - what granian serves; importing it sets Django up

task_events = import_module("tasks_app.task_events")  # not imported above: it needs the apps
if not callable(task_events.record):
    raise RuntimeError("Changes of tasks are now recorded elsewhere; switch it off there.")
setattr(task_events, "record", lambda _changes: None)  # noqa: B010 - mypy knows no module's names
