"""`/internal/...`: for schedulers outside of the backend, such as a cron job of the platform."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications_app.scan import scan_reminders
from todo_project.bearer import has_token, token_needed
from todo_project.tick_runs import SCAN, record_run


@csrf_exempt
@require_POST
def check_reminders(request: HttpRequest) -> HttpResponse:
    """Scan for due reminders now: `{claimed: how many}`. Together with beat and others it does no harm.

    Requires INTERNAL_TOKEN (`Authorization: Bearer ...`); a 404 while it is not set.
    """
    if not settings.INTERNAL_TOKEN:
        raise Http404
    if not has_token(request, settings.INTERNAL_TOKEN):
        return token_needed()
    return JsonResponse({"claimed": scan_now()})


def scan_now() -> int:
    """Scan for due reminders, as a run of the tick; how many were claimed."""
    claimed = scan_reminders()
    record_run(SCAN)
    return claimed
