"""`/metrics` for Prometheus: the facts of the processes, and what PostgreSQL says of the whole system."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from events_app.metrics import process_registry
from todo_project.bearer import has_token, token_needed
from todo_project.database_metrics import DatabaseMetrics


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Requires METRICS_TOKEN (`Authorization: Bearer ...`); a 404 while it is not set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not has_token(request, settings.METRICS_TOKEN):
        return token_needed()
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    of_database = CollectorRegistry(support_collectors_without_names=True)
    of_database.register(DatabaseMetrics())
    parts = [encode(registry) for registry in (process_registry(), of_database)]
    if content_type.startswith("application/openmetrics-text"):
        parts[0] = parts[0].removesuffix(b"# EOF\n")
    return HttpResponse(b"".join(parts), content_type)
