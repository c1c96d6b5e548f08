import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
# A request is short, and threads are few: none waits long for a lock or a plan that went wrong.
os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT", "15")
os.environ.setdefault("DATABASE_LOCK_TIMEOUT", "5")
os.environ.setdefault("DATABASE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT", "30")
application = get_wsgi_application()
# Not imported above: it needs the apps.
import_module("todo_project.checks").refuse_unsafe_start(serves_web=True)
