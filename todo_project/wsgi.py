import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
application = get_wsgi_application()
# Not imported above: they need the apps.
import_module("tasks_app.title_order").load()  # not in the first request that needs it
import_module("todo_project.checks").refuse_unsafe_start(serves_web=True)
