"""What an orchestrator asks: is the process alive, and may it get requests?"""

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from functools import cache
from time import monotonic
from typing import NamedTuple

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.transaction import atomic
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from psycopg.errors import DiskFull

from events_app.relay import relay_is_active
from events_app.release import VERSION
from recurrence.rules import ZONE_DATA_VERSION
from state_store.client import is_there
from todo_project.tick_runs import seconds_since_runs, trouble_of_scan

log = structlog.get_logger(__name__)

ANSWER_WITHIN_SECONDS = 2.0
OK = "ok"
AWAY = "does not answer"
UNKNOWN = "unknown while the database does not answer"
# Without these no request can be answered. The others only make what is promised come later: no request
# needs the state store, and the outbox keeps each event until a relay is there. A web that left its load
# balancer because no reminder is claimed would make one fault two.
REQUIRED = {"database", "migrations", "writes"}
# It writes 140 kB to a temporary file on PostgreSQL's disk, and changes no table and no write-ahead log. A
# row would not do: a table whose last page has space takes it on a full disk too. It takes 2 to 6 ms.
WRITE_PROBE = "SELECT count(*) FROM generate_series(1, 10000)"
DISK_FULL = "PostgreSQL's disk is full"
READ_ONLY = "PostgreSQL is read-only"


class Found(NamedTuple):
    """`{name: "ok" or what is wrong}`, and the seconds since each tick has run."""

    checks: dict[str, str]
    ticks: dict[str, float | None] = {}


_NO_DATABASE = Found(
    {"database": AWAY} | dict.fromkeys(["migrations", "writes", "relay", "reminder_scan"], UNKNOWN)
)

# A thread each, so that one that hangs (a server that was stopped in its tracks) holds up no other.
_DATABASE = ThreadPoolExecutor(1, "health-database")
_STATE_STORE = ThreadPoolExecutor(1, "health-state-store")


@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": OK})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200, or 503 naming what is missing, within ANSWER_WITHIN_SECONDS.

    `{status, not_ready: [names], checks: {name: "ok" or what is wrong}, seconds_since_ticks, zone_data,
    version}`; `seconds_since_ticks` says for each tick how long ago it last ran (null: never), `zone_data`
    is the release of the time zone database, `version` that of the backend. Only the REQUIRED parts make it
    a 503; with `?all=true` every part does, for anyone that starts the whole backend and waits for it.
    """
    checks, ticks = _all_checks()
    wrong = [name for name, state in checks.items() if state != OK]
    counted = set(checks) if request.GET.get("all") == "true" else REQUIRED
    is_ready = counted.isdisjoint(wrong)
    body = {
        "status": OK if is_ready else "not ready",
        "not_ready": wrong,
        "checks": checks,
        "seconds_since_ticks": ticks,
        "zone_data": ZONE_DATA_VERSION,
        "version": VERSION,
    }
    return JsonResponse(body, status=200 if is_ready else 503)


def _all_checks() -> Found:
    deadline = monotonic() + ANSWER_WITHIN_SECONDS
    database = _DATABASE.submit(_check_database)
    state_store = _STATE_STORE.submit(_check_state_store)
    checks, ticks = _outcome(database, deadline, _NO_DATABASE)
    stored, _ = _outcome(state_store, deadline, Found({"state_store": AWAY}))
    return Found(stored | checks, ticks)  # ticks do not run without the state store: the cause comes first


def _outcome(check: Future[Found] | Future[Found | None], deadline: float, otherwise: Found) -> Found:
    try:
        return check.result(max(0.0, deadline - monotonic())) or otherwise
    except TookTooLong:
        check.cancel()  # when it still waits behind one that hangs
        return otherwise


def _check_database() -> Found | None:
    """None when it is away: why is for the log, the answer goes to strangers."""
    try:
        missing = sorted(missing_migrations())
        ticks = {} if missing else seconds_since_runs()
        checks = {
            "database": OK,
            "migrations": f"not applied: {', '.join('.'.join(name) for name in missing)}" if missing else OK,
            "writes": _trouble_of_writes() or OK,
            "relay": OK if relay_is_active() else "no relay is active",
            "reminder_scan": trouble_of_scan(ticks) or OK,
        }
        return Found(checks, {name: age and round(age, 1) for name, age in ticks.items()})
    except DatabaseError as error:
        log.warning("not_ready", error=str(error))
        return None
    finally:
        connection.close()


def _trouble_of_writes() -> str | None:
    """What makes each write fail while reads go on."""
    with atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64kB'")  # above that, a result is written to a file
        cursor.execute("SELECT current_setting('transaction_read_only')::bool")
        if cursor.fetchone() == (True,):
            return READ_ONLY
        try:
            cursor.execute(WRITE_PROBE)
        except DatabaseError as error:
            if not isinstance(error.__cause__, DiskFull):
                raise
            log.warning("not_ready", error=str(error))
            return DISK_FULL
    return None


def missing_migrations() -> set[tuple[str, str]]:
    """App and name of the last migration of each app, where it is not applied. Raises DatabaseError."""
    return newest_migrations() - set(MigrationRecorder(connection).applied_migrations())


@cache
def newest_migrations() -> set[tuple[str, str]]:
    """App and name of the last migration of each app; that it is applied says that those before it are."""
    return set(MigrationLoader(None).graph.leaf_nodes())


def _check_state_store() -> Found:
    return Found({"state_store": OK if is_there() else AWAY})
