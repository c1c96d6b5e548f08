"""What granian serves: the WSGI application behind the bridge (http_app/bridge)."""

from todo_project.wsgi import application as _application

# isort: split
from django.conf import settings

from http_app.bridge.bodies import Limits
from http_app.bridge.bridge import Bridge
from todo_project.open_files import allow_many_files

limits = Limits(
    bytes_each=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    seconds_each=settings.BODY_SECONDS,
    slow_each=settings.SLOW_BODIES_PER_ADDRESS,
    bytes_together=settings.BODIES_MEGABYTES * 1024 * 1024,
)
application = Bridge(_application, limits)
allow_many_files()
