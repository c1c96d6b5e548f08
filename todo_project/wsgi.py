import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "todo_project.settings")
application = get_wsgi_application()
# Not imported above: they need the apps.
# A request is short, and threads are few: none waits long for a lock or a plan that went wrong.
import_module("http_app.session_limits").limit_sessions(
    statement_timeout=15, lock_timeout=5, idle_in_transaction_session_timeout=30
)
import_module("tasks_app.title_order").load()  # not in the first request that needs it
import_module("todo_project.checks").refuse_unsafe_start(serves_web=True)
