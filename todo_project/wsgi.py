import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
application = get_wsgi_application()
import_module("todo_project.checks").refuse_unsafe_start()  # not imported above: it needs the apps
