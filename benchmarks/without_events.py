"""The product's web process without its events: a switch from outside, the product has none."""

from importlib import import_module

from django.db.models.signals import post_save

from todo_project.wsgi import application  # noqa: F401 - what granian serves; importing it sets Django up

signals = import_module("tasks_app.signals")  # not imported above: it needs the apps
if not post_save.disconnect(signals.record_saved, sender=signals.Task):
    raise RuntimeError("Saving a task is no longer recorded by this receiver; take the one that is.")
