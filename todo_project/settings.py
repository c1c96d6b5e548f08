"""Every setting, from the environment (12-factor), with its type and its default beside it.

Development and production differ only in values: `TODO_ENV=production` makes the checks in
`todo_project/checks.py` refuse what is not safe to start with.
"""

import logging
import os
from datetime import timedelta
from typing import Any

import structlog

from events_app.release import VERSION
from todo_project import openapi_info
from todo_project.environment import Environment, verifying
from todo_project.logs import ON_EVERY_LINE, logging_config

env = Environment()

# What a machine without a value runs with; todo_project/checks.py refuses it in production.
DEVELOPMENT_SECRET_KEY = "development-only-secret-key-that-no-deployment-may-use"  # noqa: S105

TODO_ENV = env.str("TODO_ENV", default="production")
PRODUCTION = TODO_ENV != "development"
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_SECRET_KEY)
# Earlier keys, whose signatures are still accepted: docs/security.md says how to change the key.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Where the links in notifications lead, as https://todo.example.com.
PUBLIC_URL = (
    env.str("PUBLIC_URL", default="").rstrip("/") or f"https://{next(iter(ALLOWED_HOSTS), 'localhost')}"
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# The proxies in front of the web server. Each adds to X-Forwarded-For, and the first sets X-Forwarded-Proto.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=TRUSTED_PROXIES > 0) else None
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 86400 if PRODUCTION else 0)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
# What asks these comes from inside, past the proxies.
SECURE_REDIRECT_EXEMPT = [r"^healthz/", r"^metrics$", r"^internal/", r"^dapr/", r"^reminder-cron$"]
# On a private network, some of: kafka, postgresql, redis, smtp.
INSECURE_TRANSPORT_OK = env.list("INSECURE_TRANSPORT_OK", default=[])

ROOT_URLCONF = "todo_project.urls"
WSGI_APPLICATION = "todo_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts_app.User"
AUTHENTICATION_BACKENDS = ["accounts_app.backends.PasswordBackend"]
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # asks for a unique e-mail and does not see that the constraint is on lower(email)
    # Ask for HSTS of all subdomains, and in the browsers' own list: hosts that are not ours to speak for.
    "security.W005",
    "security.W021",
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "todo_project.formats"
APPEND_SLASH = False
STATIC_URL = "static/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# The body of a request must be complete in this time.
BODY_SECONDS = env.float("BODY_SECONDS", default=30.0)
# Each worker: bodies of one address that take longer than a second, and megabytes of all bodies together.
SLOW_BODIES_PER_ADDRESS = env.int("SLOW_BODIES_PER_ADDRESS", default=20)
BODIES_MEGABYTES = env.int("BODIES_MEGABYTES", default=128)

INSTALLED_APPS = [
    "todo_project.admin_apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "corsheaders",
    "django_celery_beat",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_structlog",
    "state_store",
    "http_app",
    "events_app",
    "accounts_app",
    "tasks_app",
    "recurring_app",
    "notifications_app",
    "sync_app",
    "web_app",
    "chat_app",
    "todo_project",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "http_app.answer_bodies.AnswerBodyMiddleware",
    "http_app.metrics.MetricsMiddleware",
    "http_app.request_log.RequestLogMiddleware",
    "http_app.error_answers.ErrorMiddleware",
    "todo_project.admin_requests.AdminMiddleware",
    "accounts_app.api_tokens.ApiTokenUseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Served by whitenoise from the packages: no collectstatic step to forget. The image has collected them.
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_MIMETYPES = {".webmanifest": "application/manifest+json"}

# --- PostgreSQL --------------------------------------------------------------------------------


def _database(variable: str, default: str) -> dict[str, Any]:
    database = env.postgres(variable, default=default)
    database |= {"CONN_MAX_AGE": env.int("DATABASE_CONN_MAX_AGE", default=60), "CONN_HEALTH_CHECKS": True}
    # A server that drops packets would hold up a request for two minutes.
    database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    return database


DATABASES: dict[str, dict[str, Any]] = {
    "default": _database("DATABASE_URL", "postgresql://todo@localhost:5432/todo")
}
# With it, DATABASE_URL is a transaction pooler, such as PgBouncer, and this is the same database without it.
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", default="")
DIRECT_DATABASE = _database("DATABASE_DIRECT_URL", "") if DATABASE_DIRECT_URL else None
if DIRECT_DATABASE:
    # A cursor of the server, or a prepared statement, would be another session's the next time.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
    DIRECT_DATABASE["DISABLE_SERVER_SIDE_CURSORS"] = False

# Seconds; 0 sends nothing. A transaction pooler gets none: there they are the role's. What is not set has no
# limit here, because a migration or an operator's command takes its time; web_process.py and celery.py have
# defaults of their own.
_TIMEOUTS = {
    name: env.float(f"DATABASE_{name.upper()}", default=0.0)
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
}
_LIMITED = DIRECT_DATABASE or DATABASES["default"]
_OPTIONS = [_LIMITED["OPTIONS"].get("options", "")]
_OPTIONS += [f"-c {name}={seconds * 1000:.0f}" for name, seconds in _TIMEOUTS.items() if seconds > 0]
if options := " ".join(filter(None, _OPTIONS)):
    _LIMITED["OPTIONS"]["options"] = options

# --- Redis or Valkey: Celery's hints and an operator's marks; never the only copy of anything ------

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
# A call to an unavailable state store waits at most this long, and the work then continues without it.
REDIS_TIMEOUT_SECONDS = 1.0
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "throttles": {
        "BACKEND": "state_store.cache.CountingCache",
        "LOCATION": [REDIS_URL],  # not as text, which is split at each comma of a password
        "KEY_FUNCTION": "state_store.keys.cached",
        "KEY_PREFIX": "throttle",
        "OPTIONS": {
            # A request waits for it; a store as slow as that is as good as away.
            "socket_timeout": REDIS_TIMEOUT_SECONDS / 4,
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS / 4,
        },
    },
}

# --- Accounts --------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Operators sign in to the admin with a code of their authenticator app: those that have one, or all.
SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", default=False)
OTP_TOTP_ISSUER = "To-do backend"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=30)),
    "CHECK_REVOKE_TOKEN": True,
    "AUTH_TOKEN_CLASSES": ("accounts_app.tokens.Access",),
}
# So long a spent refresh token gets its successor again: for clients whose answers get lost on the way.
REFRESH_RETRY = timedelta(seconds=env.int("REFRESH_RETRY_SECONDS", default=0))

# Tokens of an outside identity provider, such as Better Auth; none without an issuer.
AUTH_JWT_ISSUER = env.str("AUTH_JWT_ISSUER", default="")
AUTH_JWT_AUDIENCE = env.str("AUTH_JWT_AUDIENCE", default="")
# One of them: a shared secret (HS256), or where the provider's public keys are.
AUTH_JWT_SECRET = env.str("AUTH_JWT_SECRET", default="")
AUTH_JWKS_URL = env.str("AUTH_JWKS_URL", default="")

# --- Mails -----------------------------------------------------------------------------------------

_EMAIL = env.email_url("EMAIL_URL", default="smtp://localhost:25")
# A provider's own backend, such as anymail.backends.postmark.EmailBackend, whose settings are ANYMAIL_...
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="") or _EMAIL["EMAIL_BACKEND"]
ANYMAIL = {name[8:]: value for name, value in env.ENVIRON.items() if name.startswith("ANYMAIL_")}
if EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend":
    EMAIL_BACKEND = "todo_project.mail_files.EmailBackend"
    # The path of a URL begins with a slash, which the library cuts off.
    EMAIL_FILE_PATH = "/" + _EMAIL["EMAIL_FILE_PATH"].lstrip("/")
EMAIL_HOST = _EMAIL["EMAIL_HOST"]
EMAIL_PORT = _EMAIL["EMAIL_PORT"] or 0
EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="todo@example.test")
# The client's pages that mails link to, with {uid} and {token}; without one the mail names them as text.
PASSWORD_RESET_URL = env.str("PASSWORD_RESET_URL", default="")
EMAIL_CONFIRM_URL = env.str("EMAIL_CONFIRM_URL", default="")
PASSWORD_RESET_TIMEOUT = 3600

# --- The API ---------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts_app.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["http_app.throttling.Writes"],
    # What stands before their part of X-Forwarded-For is the caller's word.
    "NUM_PROXIES": TRUSTED_PROXIES,
    "DEFAULT_RENDERER_CLASSES": ["http_app.json_bodies.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["http_app.json_bodies.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "http_app.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["http_app.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "http_app.openapi.Operation",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # else `?format=xml` is a 404 and no unknown parameter
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "http_app.error_answers.ExceptionHandler",
}


def _rate(name: str, default: str) -> str | None:
    """`30/min`, `100/h` ...; `off` is None, without limit."""
    rate: str = env.str(f"THROTTLE_{name}", default=default)
    return None if rate == "off" else rate


THROTTLE_RATES = {
    # A bulk of 1,000 operations is one write: who has much to write has a way to.
    "writes": _rate("WRITES", "300/min"),
    # Of bulks, beside "writes": an import of some thousand tasks passes.
    "operations": _rate("OPERATIONS", "6000/min"),
    # What changes nothing and is asked at each keystroke.
    "previews": _rate("PREVIEWS", "1200/min"),
    "sign_in_by_address": _rate("SIGN_IN_BY_ADDRESS", "60/min"),
    "sign_in_by_account": _rate("SIGN_IN_BY_ACCOUNT", "30/h"),
    # To one account from all addresses that are not known for it; beyond that, one in at most 30 s.
    "sign_in_from_elsewhere": _rate("SIGN_IN_FROM_ELSEWHERE", "10/h"),
    "sign_up": _rate("SIGN_UP", "60/h"),
    "refresh": _rate("REFRESH", "300/min"),
    # Links of notifications, without sign-in. An office may share one address.
    "links": _rate("LINKS", "120/min"),
    "mail_by_address": _rate("MAIL_BY_ADDRESS", "30/h"),
    "mail_by_account": _rate("MAIL_BY_ACCOUNT", "5/h"),
}
# What callers may create for one user, the trash included; 0 is without limit.
TASKS_PER_USER = env.int("TASKS_PER_USER", default=100_000)
TAGS_PER_USER = env.int("TAGS_PER_USER", default=5_000)
# Clients in a browser, of another origin than this one; tokens only, no cookies.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "time-zone",
    "x-request-id",
    # what tracing libraries add to each request (W3C Trace Context and Baggage, Sentry)
    "baggage",
    "sentry-trace",
    "traceparent",
    "tracestate",
    *env.list("CORS_MORE_HEADERS", default=[]),
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]
SPECTACULAR_SETTINGS = {
    "TITLE": "To-do backend",
    "DESCRIPTION": openapi_info.DESCRIPTION,
    "CONTACT": openapi_info.CONTACT,
    "LICENSE": openapi_info.LICENSE,
    "SERVERS": openapi_info.SERVERS,
    "TAGS": openapi_info.TAGS,
    "ENUM_NAME_OVERRIDES": openapi_info.ENUMS,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "http_app.openapi.add_components",
        "http_app.openapi.drop_unused_schemas",
        "http_app.openapi.require_answered_fields",
        "http_app.openapi.add_links",
        "sync_app.openapi.name_server",
        "chat_app.openapi.name_server",
        "todo_project.openapi.add_examples",
    ],
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

# --- Celery: a message is a hint, the database is the truth ----------------------------------------

CELERY_BROKER_URL = verifying(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
# Without results too, Celery looks for their backend with the first message of each thread: 10 to 30 ms.
CELERY_RESULT_BACKEND_THREAD_SAFE = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# They hold in a pool of processes, Celery's default. For `--pool solo` there is todo_project/time_limits.py.
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0,  # kombu's own would hold up each publish for 6 s while Redis is away
    "visibility_timeout": 300,
    "socket_timeout": REDIS_TIMEOUT_SECONDS * 5,
    "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
}
CELERY_TASK_DEFAULT_QUEUE = "ticks"
CELERY_BEAT_SCHEDULER = "todo_project.scheduler:Scheduler"
CELERY_TIMEZONE = "UTC"


def _tick(task: str, seconds: float, *, queue: str = "ticks") -> dict[str, Any]:
    """A beat entry: every `seconds`, dropped when no worker took it before the next one is due.

    `expire_seconds`, because django-celery-beat silently drops `expires` in options; the table has whole
    seconds, and takes 0 for never. What waits for others
    or works for seconds is in the queue `background`, so that no reminder waits for it.
    """
    expires = max(1, int(seconds * 0.9))
    return {"task": task, "schedule": seconds, "options": {"queue": queue, "expire_seconds": expires}}


CELERY_BEAT_SCHEDULE = {
    "scan-reminders": _tick("notifications_app.scan_reminders", 1.0),
    "release-reminders": _tick("notifications_app.release_reminders", 1.0),
    "announce-due-soon": _tick("notifications_app.announce_due_soon", 30.0),
    # A table in the database has this name, which outlives the release, so it stays.
    "requeue-stalled-deliveries": _tick("notifications_app.deliver_due", 5.0, queue="deliveries"),
    "generate-due": _tick("recurring_app.generate_due", 2.0, queue="background"),
    "retry-parked-events": _tick("events_app.retry_parked_events", 5.0, queue="background"),
    "purge-idempotency-keys": _tick("http_app.purge_idempotency_keys", 3600.0),
    "purge-notifications": _tick("notifications_app.purge_notifications", 600.0),
    "upgrade-rows": _tick("tasks_app.upgrade_rows", 600.0, queue="background"),
    "apply-day-starts": _tick("tasks_app.apply_day_starts", 5.0, queue="background"),
    "move-series": _tick("tasks_app.move_series", 5.0, queue="background"),
    "purge-trash": _tick("tasks_app.purge_trash", 3600.0),
    "purge-conversations": _tick("chat_app.purge_conversations", 3600.0),
    "purge-accounts": _tick("accounts_app.purge_accounts", 3600.0),
    "erase-closed-accounts": _tick("accounts_app.erase_closed_accounts", 2.0, queue="background"),
    "send-due-mails": _tick("accounts_app.send_due_mails", 2.0, queue="background"),
}

# Before beat sends one of these it asks this question (database/questions.py), since a message that finds
# no work wakes three processes; see todo_project/scheduler.py. The other ticks are sent each time.
TICK_HAS_WORK = {
    "scan-reminders": "notifications_app.scan.has_due",
    "release-reminders": "notifications_app.releasing.has_due",
    "requeue-stalled-deliveries": "notifications_app.claiming.has_due",
    "generate-due": "recurring_app.generation.has_due",
    "retry-parked-events": "events_app.parked.has_due",
    "move-series": "tasks_app.moving.has_moves",
    "apply-day-starts": "tasks_app.day_starts.has_new",
    "erase-closed-accounts": "accounts_app.erasure.has_closed_accounts",
    "send-due-mails": "accounts_app.mails.has_due",
}

# --- Notifications -----------------------------------------------------------------------------

VAPID_PRIVATE_KEY = env.str("VAPID_PRIVATE_KEY", default="")
VAPID_SUBJECT = env.str("VAPID_SUBJECT", default="mailto:operator@example.test")
# How long the admin and the API can tell what became of a reminder.
NOTIFICATIONS_KEPT = timedelta(days=env.int("NOTIFICATIONS_KEPT_DAYS", default=90))
# A reminder that is found later than this is not sent: one notice names all of them.
REMINDER_MISSED_AFTER = timedelta(hours=env.float("REMINDER_MISSED_AFTER_HOURS", default=24))
# The hosts of push services that browsers may subscribe at, as ".push.apple.com" with those below. None: all.
PUSH_ALLOWED_HOSTS = env.list("PUSH_ALLOWED_HOSTS", default=[])
# For a scheduler outside of the backend: POST /internal/check-reminders; without it that is not served.
INTERNAL_TOKEN = env.str("INTERNAL_TOKEN", default="")
# How many deliveries one process of a worker sends at once. A `kill -9` sends at most so many twice; a push
# service that takes a tenth of a second gets at most ten times as many a second.
DELIVERIES_WINDOW = env.int("DELIVERIES_WINDOW", default=64)
# For development and tests: http and local addresses as push endpoints. Refused in production.
PUSH_ALLOW_INSECURE_ENDPOINTS = env.bool("PUSH_ALLOW_INSECURE_ENDPOINTS", default=False)

# --- Events: in this process, or through Kafka -----------------------------------------------------

KAFKA_BOOTSTRAP_SERVERS = env.str("KAFKA_BOOTSTRAP_SERVERS", default="")
# What a managed Kafka asks for, in librdkafka's names.
KAFKA_SECURITY = {
    name: value
    for name, value in {
        "security.protocol": env.str("KAFKA_SECURITY_PROTOCOL", default="PLAINTEXT"),
        "sasl.mechanism": env.str("KAFKA_SASL_MECHANISM", default=""),
        "sasl.username": env.str("KAFKA_USERNAME", default=""),
        "sasl.password": env.str("KAFKA_PASSWORD", default=""),
        "ssl.ca.location": env.str("KAFKA_CA_FILE", default=""),
    }.items()
    if value
}
KAFKA_TOPIC_PARTITIONS = env.int("KAFKA_TOPIC_PARTITIONS", default=12)
KAFKA_TOPIC_REPLICATION = env.int("KAFKA_TOPIC_REPLICATION", default=-1)  # -1: as the brokers say
KAFKA_TOPIC_RETENTION = timedelta(days=env.int("KAFKA_TOPIC_RETENTION_DAYS", default=7))

# How a commit reaches the relay at once; the relay also polls, so that nothing depends on it.
EVENT_WAKE_UP = "state_store.wake_up.WakeUp"
# Which part of the users a relay serves: 2/4 is the second of four. Each part needs a relay.
RELAY_SHARD = env.str("RELAY_SHARD", default="") or "1/1"
# 5 s, 10 s, 20 s ... 21 min: about 40 minutes in all, longer than a deploy or a database restart takes.
EVENT_MAX_ATTEMPTS = env.int("EVENT_MAX_ATTEMPTS", default=10)
EVENT_FIRST_RETRY = timedelta(seconds=env.float("EVENT_FIRST_RETRY_SECONDS", default=5))
# A loop that has not turned for so long is stuck: longer than any statement of a handler may take.
EVENT_STUCK_SECONDS = env.float("EVENT_STUCK_SECONDS", default=60)

# --- Dapr: a sidecar beside a process, which some of this may go through (docs/dapr.md) --------------

# Some of: publish (the relay), subscribe (the groups of handlers), state (markers and caches).
DAPR = env.list("DAPR", default=[])
# What the sidecar sends us; without it nothing that it calls is served. And what we send it.
APP_API_TOKEN = env.str("APP_API_TOKEN", default="")
DAPR_API_TOKEN = env.str("DAPR_API_TOKEN", default="")
DAPR_HTTP_PORT = env.int("DAPR_HTTP_PORT", default=3500)
DAPR_TIMEOUT_SECONDS = env.float("DAPR_TIMEOUT_SECONDS", default=5.0)
# The names of its components.
DAPR_PUBSUB = env.str("DAPR_PUBSUB", default="kafka-pubsub")
DAPR_STATE_STORE = env.str("DAPR_STATE_STORE", default="statestore")
if ALLOWED_HOSTS and APP_API_TOKEN:  # a sidecar calls the web by its address, not by its name
    ALLOWED_HOSTS = [*dict.fromkeys([*ALLOWED_HOSTS, "localhost", "127.0.0.1", "[::1]"])]

# --- The live stream: a process and a port of its own ----------------------------------------------

STREAM_HOST = env.str("HOST", default="") or "127.0.0.1"
STREAM_PORT = env.int("STREAM_PORT", default=0) or env.int("PORT", default=8000) + 1
# Where clients find it, as https://todo.example.com/api/stream; empty: the API's host, with STREAM_PORT.
STREAM_URL = env.str("STREAM_URL", default="")
# Both of each process.
STREAM_CONNECTIONS = env.int("STREAM_CONNECTIONS", default=10_000)
STREAM_CONNECTIONS_PER_USER = env.int("STREAM_CONNECTIONS_PER_USER", default=10)
STREAM_HEARTBEAT_SECONDS = env.float("STREAM_HEARTBEAT_SECONDS", default=15.0)
# A client that takes nothing for so long is cut off.
STREAM_SEND_TIMEOUT_SECONDS = env.float("STREAM_SEND_TIMEOUT_SECONDS", default=20.0)
# So long a stream may outlast its token, when that is revoked before its time.
STREAM_CHECK_SECONDS = env.float("STREAM_CHECK_SECONDS", default=10.0)

# Functions that return what the same process serves beside the stream (sync_app/guests.py).
STREAM_GUESTS = ["chat_app.asgi.guest"]

# --- MCP: the assistant's tools for assistants of others, in the process of the live stream --------

MCP_ENABLED = env.bool("MCP_ENABLED", default=False)
if MCP_ENABLED:
    STREAM_GUESTS.append("chat_app.mcp.guest.guest")
# Where clients find it, as https://todo.example.com/mcp.
MCP_URL = env.str("MCP_URL", default="")
# Of requests for it, beside the host of MCP_URL. A page of any other origin is refused.
MCP_ALLOWED_HOSTS = env.list("MCP_ALLOWED_HOSTS", default=[])
if not MCP_URL:  # for programs on this machine, whatever they call it
    MCP_URL = f"http://127.0.0.1:{STREAM_PORT}/mcp"
    MCP_ALLOWED_HOSTS += [f"localhost:{STREAM_PORT}", f"[::1]:{STREAM_PORT}"]
MCP_ALLOWED_ORIGINS = env.list("MCP_ALLOWED_ORIGINS", default=[])
# How many calls of tools one process carries out at once.
MCP_THREADS = env.int("MCP_THREADS", default=4)

# --- The assistant ---------------------------------------------------------------------------------

# google:NAME, openai:NAME (and whatever speaks its protocol), anthropic:NAME, ollama:NAME, or offline.
# Empty: Gemini 2.5 Flash with a Gemini key, GPT-5 mini with an OpenAI key, else offline.
ASSISTANT_MODEL = env.str("ASSISTANT_MODEL", default="")
GEMINI_API_KEY = env.str("GEMINI_API_KEY", default="")
GEMINI_BASE_URL = env.str("GEMINI_BASE_URL", default="")
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="")
ANTHROPIC_API_KEY = env.str("ANTHROPIC_API_KEY", default="")
ANTHROPIC_BASE_URL = env.str("ANTHROPIC_BASE_URL", default="")
OLLAMA_BASE_URL = env.str("OLLAMA_BASE_URL", default="http://localhost:11434/v1")
# One request to the provider, with its retries; a turn may need several.
ASSISTANT_REQUEST_SECONDS = env.float("ASSISTANT_REQUEST_SECONDS", default=60.0)
ASSISTANT_SILENCE_SECONDS = env.float("ASSISTANT_SILENCE_SECONDS", default=30.0)
ASSISTANT_RETRIES = env.int("ASSISTANT_RETRIES", default=1)
ASSISTANT_ANSWER_TOKENS = env.int("ASSISTANT_ANSWER_TOKENS", default=4_000)
# One turn: its time, and how often the model is asked in it.
ASSISTANT_TURN_SECONDS = env.float("ASSISTANT_TURN_SECONDS", default=180.0)
ASSISTANT_TURN_REQUESTS = env.int("ASSISTANT_TURN_REQUESTS", default=16)
# Of each user and day (UTC); 0 is without limit. Tokens are the provider's, of questions and answers.
ASSISTANT_TURNS_PER_DAY = env.int("ASSISTANT_TURNS_PER_DAY", default=500)
ASSISTANT_TOKENS_PER_DAY = env.int("ASSISTANT_TOKENS_PER_DAY", default=1_000_000)
# Turns at once: of a process, and of one user in a process.
ASSISTANT_TURNS = env.int("ASSISTANT_TURNS", default=100)
ASSISTANT_TURNS_PER_USER = env.int("ASSISTANT_TURNS_PER_USER", default=3)
# Threads for the database work of turns, each with a connection.
ASSISTANT_THREADS = env.int("ASSISTANT_THREADS", default=4)
# The newest messages that the model is shown.
ASSISTANT_HISTORY_MESSAGES = env.int("ASSISTANT_HISTORY_MESSAGES", default=100)
# A turn whose process died is over after this.
ASSISTANT_LEASE_SECONDS = env.float("ASSISTANT_LEASE_SECONDS", default=20.0)
# Conversations that no one wrote in for so long are deleted; 0: never.
CONVERSATIONS_KEPT = timedelta(days=env.int("CONVERSATIONS_KEPT_DAYS", default=365))

# --- Recurrence --------------------------------------------------------------------------------

SHORTEST_RECURRENCE = timedelta(minutes=env.int("SHORTEST_RECURRENCE_MINUTES", default=5))

# --- Metrics -----------------------------------------------------------------------------------

# Required for reading /metrics; without it /metrics is not served.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where a worker or a relay, which has no web server, serves its own metrics; 0: nowhere.
METRICS_PORT = env.int("METRICS_PORT", default=0)
METRICS_HOST = env.str("METRICS_HOST", default="127.0.0.1")
# prometheus_client's own variable: a folder in which the processes of one machine put their facts together.
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")
if not PROMETHEUS_MULTIPROC_DIR:  # prometheus_client would take an empty one for the current folder
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

# --- Logs --------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="json")
LOGGING = logging_config(log_format=LOG_FORMAT, level=env.str("LOG_LEVEL", default="INFO"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# The level of `task_revoked`: a hint that expired on a busy machine is no reason for an alarm.
DJANGO_STRUCTLOG_CELERY_TASK_RETRY_LOG_LEVEL = logging.INFO
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *ON_EVERY_LINE,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
