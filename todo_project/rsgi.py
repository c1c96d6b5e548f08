"""What granian serves: the WSGI application behind the bridge (http_app/bridge)."""

from todo_project.wsgi import application as _application

# isort: split
from django.conf import settings

from http_app.bridge.bodies import Limits
from todo_project.web_process import WebBridge

limits = Limits(
    bytes_each=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    seconds_each=settings.BODY_SECONDS,
    slow_each=settings.SLOW_BODIES_PER_ADDRESS,
    bytes_together=settings.BODIES_MEGABYTES * 1024 * 1024,
)
application = WebBridge(_application, limits)
