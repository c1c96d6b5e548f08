"""Settings that a production start has nothing against."""

from typing import Any

from todo_project import settings

# A P-256 private key made for these tests, as are the secrets.
VAPID_KEY = "IlmG6Bm2ScMgDD33De2k1EVr9UO0zwX5ucVP2oYtrfI"
SECRET_KEY = "w7R2xq0Zb_u5mT9kYc3LhN8vJd1SgFpE6aWtQzXo4iUyKjB-MfGrHsVnCeDlAP"
PASSWORD = "kN8vR2xQ5tW9yZ3bC6dF1gH4"
SAFE: dict[str, Any] = {
    "TODO_ENV": "production",
    "PRODUCTION": True,
    "SECRET_KEY": SECRET_KEY,
    "ALLOWED_HOSTS": ["todo.example.org"],
    "PUBLIC_URL": "https://todo.example.org",
    "VAPID_PRIVATE_KEY": VAPID_KEY,
    # A name that is not reserved; nothing is sent.
    "VAPID_SUBJECT": "mailto:operations@to-do-service.dev",
    "PUSH_ALLOW_INSECURE_ENDPOINTS": False,
    "DEFAULT_FROM_EMAIL": "todo@to-do-service.dev",
    "SECURE_SSL_REDIRECT": True,
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "REST_FRAMEWORK": settings.REST_FRAMEWORK | {"NUM_PROXIES": 1},
    "THROTTLE_RATES": settings.THROTTLE_RATES,  # the tests' own are off
    "REDIS_URL": f"rediss://:{PASSWORD}@store.example.org:6379/0",
}
SERVERS = {
    "DATABASE_URL": f"postgresql://todo:{PASSWORD}@db.example.org/todo?sslmode=verify-full",
    "REDIS_URL": SAFE["REDIS_URL"],
    "EMAIL_URL": f"smtp+tls://todo:{PASSWORD}@mail.example.org:587",
}
# The same, as the variables of a deployment.
ENVIRONMENT = SERVERS | {
    "TODO_ENV": "production",
    "SECRET_KEY": SECRET_KEY,
    "ALLOWED_HOSTS": "todo.example.org",
    "TRUSTED_PROXIES": "1",
    "VAPID_PRIVATE_KEY": VAPID_KEY,
    "VAPID_SUBJECT": SAFE["VAPID_SUBJECT"],
    "DEFAULT_FROM_EMAIL": SAFE["DEFAULT_FROM_EMAIL"],
    "KAFKA_BOOTSTRAP_SERVERS": "kafka.example.org:9093",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "PASSWORD_RESET_URL": "https://app.example.org/reset?uid={uid}&token={token}",
    "CORS_ALLOWED_ORIGINS": "https://app.example.org",
}
