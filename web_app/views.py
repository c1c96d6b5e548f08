"""The web client: a page without data of its own, and its service worker. Everything else it asks the API."""

from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sync_app.tickets import stream_url


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The page. It is the same for everyone, so it uses neither session nor cookie."""
    stream = urlsplit(stream_url(request.get_host(), str(request.scheme)))
    response = render(request, "web_app/page.html")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self';"
        f" worker-src 'self'; connect-src 'self' {stream.scheme}://{stream.netloc}; base-uri 'none';"
        f" form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        f" trusted-types service-worker"
    )
    return response


@require_safe
def service_worker(_request: HttpRequest) -> HttpResponse:
    """The service worker. It is here because its path is the scope of its pages: /app/."""
    links = urlsplit(settings.PUBLIC_URL)
    script = Path(cast(str, finders.find("web_app/service-worker.js"))).read_bytes()
    return HttpResponse(
        script,
        content_type="text/javascript; charset=utf-8",
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; img-src 'self';"
                f" connect-src 'self' {links.scheme}://{links.netloc}"
            ),
        },
    )
