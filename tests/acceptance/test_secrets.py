"""Every secret of a full run is searched for, in clear and encoded, in whatever the processes left behind."""

import base64
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode
from uuid import uuid4

import jwt
import pytest
import redis

from devkit.demo.push_service import push_service
from tests.acceptance.calls import Answer
from tests.acceptance.instance import Instance, instance
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.slow

EMAIL = "alice@example.test"
# The one place of each of these, by table: without them the thing could not work.
KEPT = {
    "p256dh key": {"push_subscriptions"},
    "auth key": {"push_subscriptions"},
    # The third for a day: the answer to who subscribed, for a retry.
    "endpoint": {"push_subscriptions", "deliveries", "idempotency_keys"},
    "session": {"django_session"},  # Django's own: the admin's sessions
    "idempotency key": {"idempotency_keys"},  # opens nothing by itself
}
_KEEP_EVENTS = """
    CREATE TABLE kept_events (content text);
    CREATE FUNCTION keep_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO kept_events VALUES (NEW::text); RETURN NULL;
    END $$;
    CREATE TRIGGER kept AFTER INSERT OR UPDATE ON outbox_events FOR EACH ROW EXECUTE FUNCTION keep_event();
"""


class Run:
    """Alice's life with the API; `known` are the secrets by name, `refusals` the answers of errors."""

    def __init__(self, running: Instance) -> None:
        self.running = running
        self.known: dict[str, str] = {}
        self.refusals: list[Answer] = []

    def ask(self, method: str, path: str, body: object = None, **options: str) -> Answer:
        key = self.known.setdefault("idempotency key", f"key-{uuid4().hex}") + uuid4().hex[:4]
        answer = self.running.call(method, path, body, Idempotency_Key=key, **options)
        if answer.status >= 400:
            self.refusals.append(answer)
        return answer

    def keep(self, name: str, secret: str) -> str:
        self.known[name] = secret
        return secret

    def keep_tokens(self, answer: Answer, when: str) -> str:
        assert answer.status == 200, answer
        for name in ("access", "refresh"):
            token = self.keep(f"{name} {when}", answer.body[name])
            self.keep(f"signature of {name} {when}", token.rpartition(".")[2])
        return str(answer.body["access"])


def mail_with(running: Instance, pattern: str) -> re.Match[str]:
    """The newest mail that has this in it."""
    folder = running.places.mails
    found: list[re.Match[str]] = []

    def look() -> bool:
        mails = sorted(folder.glob("*"), key=lambda mail: mail.stat().st_mtime) if folder.exists() else []
        found[:] = [match for mail in mails if (match := re.search(pattern, mail.read_text()))]
        return bool(found)

    eventually(look)
    return found[-1]


def live(run: Run, browser: dict[str, str]) -> None:
    first, second, third = (run.keep(f"password {n}", f"pass {secrets.token_urlsafe(12)}") for n in (1, 2, 3))
    assert run.ask("POST", "/api/auth/register", {"email": EMAIL, "password": first}).status == 201
    confirm = mail_with(run.running, r"token: (\S+)")[1]
    run.keep("confirmation token", confirm)
    assert run.ask("POST", "/api/auth/email/confirm", {"token": confirm}).status == 204
    signed_in = run.ask("POST", "/api/auth/token", {"email": EMAIL, "password": first})
    run.keep_tokens(signed_in, "at sign-in")
    refreshed = run.ask("POST", "/api/auth/token/refresh", {"refresh": signed_in.body["refresh"]})
    access = run.keep_tokens(refreshed, "refreshed")
    make_mistakes(run, first, access, refreshed.body["refresh"])

    wanted = {"name": "script", "scopes": ["read", "write"]}
    made = run.ask("POST", "/api/auth/api-tokens", wanted, token=access)
    assert made.status == 201, made
    api_token = run.keep("API token", made.body["token"])
    assert run.ask("GET", "/api/me", token=api_token).status == 200
    for name in ("p256dh_key", "auth_key", "endpoint"):
        run.keep(name.replace("_", " "), browser[name])
    assert run.ask("POST", "/api/push-subscriptions", browser, token=access).status == 201
    at = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    assert run.ask("POST", "/api/tasks", {"title": "water", "reminder_at": at}, token=api_token).status == 201

    change = {"current_password": first, "new_password": second}
    run.keep_tokens(run.ask("POST", "/api/auth/password/change", change, token=access), "after the change")
    assert run.ask("POST", "/api/auth/password/reset", {"email": EMAIL}).status == 202
    reset = mail_with(run.running, r"uid: (\S+)\s+token: (\S+)")
    run.keep("reset token", reset[2])
    run.ask(
        "POST", "/api/auth/password/reset/confirm", {"uid": reset[1], "token": "wrong", "password": third}
    )
    chosen = {"uid": reset[1], "token": reset[2], "password": third}
    assert run.ask("POST", "/api/auth/password/reset/confirm", chosen).status == 204
    last = run.ask("POST", "/api/auth/token", {"email": EMAIL, "password": third})
    run.keep_tokens(last, "at the end")
    assert run.ask("POST", "/api/auth/logout", {"refresh": last.body["refresh"]}).status == 204


def make_mistakes(run: Run, password: str, access: str, refresh: str) -> None:
    """What people and programs do wrong with their secrets."""
    account = {"email": EMAIL, "password": password}
    run.ask("POST", "/api/auth/register", account)  # taken
    run.ask("POST", "/api/auth/token", account | {"password": f"{password}!"})
    run.ask("POST", "/api/auth/token", account | {"extra": password})
    run.ask("POST", "/api/auth/token", {"email": [password], "password": {"a": password}})
    run.ask("GET", f"/api/tasks?{urlencode({'access_token': access, 'password': password})}")
    run.ask("GET", f"/api/tasks?{urlencode({'token': access})}", token=access)
    run.ask("POST", "/api/auth/token/refresh", {"refresh": refresh[:-3]})
    run.ask("GET", "/api/me", token=access[:-3])
    run.ask("GET", "/api/me", Authorization=f"Token {access}")
    run.ask("POST", "/api/push-subscriptions", {"endpoint": "http://x", "auth_key": password}, token=access)


def come_from_outside(run: Run, secret: str) -> None:
    claims = {
        "sub": "better-auth-7",
        "iss": "https://id.example.test",
        "aud": "todo",
        "exp": time.time() + 600,
    }
    token = run.keep("outside token", jwt.encode(claims | {"iat": time.time()}, secret, "HS256"))
    assert run.ask("GET", "/api/me", token=token).status == 200
    run.ask("GET", "/api/me", token=f"{token}x")


def sign_in_to_the_admin(run: Run) -> None:
    running = run.running
    page = running.call("GET", "/admin/login/")
    csrf = SimpleCookie(page.headers["Set-Cookie"])["csrftoken"].value
    for password in (
        running.environment["OPERATOR_PASSWORD"] + "!",
        running.environment["OPERATOR_PASSWORD"],
    ):
        form = {
            "username": running.environment["OPERATOR_EMAIL"], "password": password, "next": "/admin/",
            "csrfmiddlewaretoken": csrf,
        }  # fmt: skip
        connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={csrf}"}
        connection.request("POST", "/admin/login/?next=/admin/", urlencode(form), headers)
        answer = connection.getresponse()
        cookies = SimpleCookie(", ".join(answer.headers.get_all("Set-Cookie", [])))
        connection.close()
    assert answer.status == 302
    run.keep("session", cookies["sessionid"].value)


def restart_the_servers(running: Instance) -> None:
    """Both away for a moment: their addresses, with passwords, could get into the texts of errors."""
    assert running.valkey.process
    running.valkey.process.kill()
    running.valkey.process.wait()
    running.postgres.stop()
    assert running.call("GET", "/api/tasks").status in (401, 503)
    assert running.call("GET", "/healthz/ready").status == 503
    time.sleep(3)
    for server in (running.postgres, running.valkey):
        server.start()
        server.wait_until_ready()
    eventually(running.is_ready)


@contextmanager
def monitored(url: str) -> Iterator[list[str]]:
    """Every command that Valkey got."""
    commands: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        try:
            with redis.Redis.from_url(url).monitor() as monitor:
                ready.set()
                commands.extend(str(command["command"]) for command in monitor.listen())
        except redis.RedisError:
            return  # it was stopped

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert ready.wait(60)
    yield commands


def forms(secret: str) -> set[str]:
    """The secret as it may stand somewhere: encoded whole, or inside of something that was encoded."""
    raw = secret.encode()
    inside = {base64.b64encode(b"x" * shift + raw)[(4 if shift else 0) : -4].decode() for shift in range(3)}
    inside |= {text.translate(str.maketrans("+/", "-_")) for text in inside}
    return {secret, quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper(), *inside}


def left_behind(running: Instance, run: Run, commands: list[str]) -> dict[str, str]:
    """By its name, all text of: each log, each table, what was sent to Valkey, the error responses."""
    tables = [name for (name,) in running.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    found = {
        f"table {table}": "\n".join(row for (row,) in running.rows(f'SELECT t::text FROM "{table}" AS t'))
        for table in tables
    }
    found |= {f"log {log.name}": log.read_text(errors="replace") for log in running.places.logs.iterdir()}
    found["valkey"] = "\n".join(commands)
    found["errors"] = "\n".join(f"{answer.body} {dict(answer.headers)}" for answer in run.refusals)
    return found


def test_no_secret_is_left_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = secrets.token_urlsafe(40)
    identity = {
        "AUTH_JWT_ISSUER": "https://id.example.test", "AUTH_JWT_AUDIENCE": "todo", "AUTH_JWT_SECRET": outside,
    }  # fmt: skip
    with push_service() as service, instance(tmp_path / "data", **identity, LOG_LEVEL="DEBUG") as running:
        running.run(_KEEP_EVENTS)
        run = Run(running)
        for name in ("SECRET_KEY", "VAPID_PRIVATE_KEY", "OPERATOR_PASSWORD", "METRICS_TOKEN"):
            run.keep(name, running.environment[name])
        run.keep("outside JWT secret", outside)
        run.keep("database password", running.database_password)
        run.keep("Valkey password", re.findall(":([^:@/]+)@", running.valkey.url)[0])
        with monitored(running.valkey.url) as commands:
            live(run, service.subscribe().subscription)
            come_from_outside(run, outside)
            sign_in_to_the_admin(run)
            running.metrics()
            eventually(lambda: len(service.messages) == 1)
            restart_the_servers(running)
            places = left_behind(running, run, commands)

    hits = {
        (name, place)
        for name, secret in run.known.items()
        for place, text in places.items()
        if any(form in text for form in forms(secret))
        and place.removeprefix("table ") not in KEPT.get(name, ())
    }
    with capsys.disabled():
        size = sum(map(len, places.values()))
        print(f"\n{len(run.known)} secrets in {len(places)} places ({size} characters): {len(hits)} found")
    assert len(run.refusals) >= 10
    assert len(commands) > 50
    assert "request_finished" in places["log web.log"]
    assert any(form in places["table push_subscriptions"] for form in forms(run.known["auth key"]))
    assert hits == set()


@pytest.mark.parametrize("secret", ["a-b_c+d/e=f and more", "x" * 12, "pass wörd/ü?&="])
def test_what_is_encoded_is_found(secret: str) -> None:
    raw = secret.encode()
    hidden = [secret, quote(secret, safe=""), raw.hex(), raw.hex().upper()]
    hidden += [base64.b64encode(b"y" * n + raw + b"zz" * n).decode() for n in range(4)]
    hidden += [base64.urlsafe_b64encode(b"y" * n + raw).decode().rstrip("=") for n in range(4)]
    for text in hidden:
        assert any(form in f"before {text} after" for form in forms(secret)), text
    assert not any(form in "something else altogether" for form in forms(secret))
