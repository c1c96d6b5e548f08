"""An account from its first day to its last, with every process of an instance; no secret stays anywhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.instance import PASSWORD, Instance, instance
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.slow

ALICE = "alice@example.test"
SECOND, THIRD = "fresh horse, new staple", "third horse, third staple"
TASKS = 3_000
MAKE_TASKS = """
    INSERT INTO tasks (user_id, title, completed, color, pinned, archived, priority_id, reminder_offsets,
        reminder_sent, is_recurring, recurrence_mode, timezone, version, created_at, updated_at)
    SELECT users.id, 'Task ' || n, false, 'default', false, false, 2, '{{}}',
        false, false, 'fixed', 'UTC', 1, now(), now()
    FROM users, generate_series(1, {number}) n WHERE email = '{email}'
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with instance(tmp_path_factory.mktemp("accounts") / "data") as running:
        yield running


def mailed(running: Instance, subject: str) -> dict[str, str]:
    """What the one mail of this subject says has to be sent."""
    found: list[str] = []

    def has_come() -> bool:
        mails = [path.read_text() for path in running.places.mails.glob("*")]
        found[:] = [mail for mail in mails if f"Subject: {subject}" in mail]
        return bool(found)

    eventually(has_come)
    (mail,) = found
    return dict(re.findall(r"^  (uid|token): (\S+)$", mail, re.MULTILINE))


def whole_database(running: Instance) -> str:
    tables = running.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [running.rows(f'SELECT t::text FROM "{table}" t') for (table,) in tables]
    return "\n".join(str(text) for table in rows for (text,) in table)


def test_an_account_from_its_first_day_to_its_last(running: Instance) -> None:
    call = running.call
    access = running.sign_up(ALICE)
    assert (
        call("POST", "/api/auth/email/confirm", mailed(running, "Confirm your email address")).status == 204
    )
    assert call("GET", "/api/me", token=access).body["email_confirmed"] is True

    tokens = call("POST", "/api/auth/token", {"email": ALICE, "password": PASSWORD}).body
    successor = call("POST", "/api/auth/token/refresh", {"refresh": tokens["refresh"]}).body
    program = {"name": "a program", "scopes": ["read", "write"]}
    secret = call("POST", "/api/auth/api-tokens", program, token=access).body["token"]
    change = {"current_password": PASSWORD, "new_password": SECOND}
    changed = call("POST", "/api/auth/password/change", change, token=access).body
    assert call("GET", "/api/me", token=access).status == 401
    assert call("POST", "/api/auth/password/reset", {"email": ALICE}).status == 202
    code = mailed(running, "Choose a new password")
    assert call("POST", "/api/auth/password/reset/confirm", code | {"password": THIRD}).status == 204
    last = call("POST", "/api/auth/token", {"email": ALICE, "password": THIRD}).body
    assert call("POST", "/api/tasks", {"title": "Water the plants"}, token=last["access"]).status == 201

    pairs = [access, *tokens.values(), *successor.values(), *changed.values(), *last.values()]
    secrets = [PASSWORD, SECOND, THIRD, secret, code["token"], *pairs]
    assert_nowhere(running, secrets)

    running.run(MAKE_TASKS.format(number=TASKS, email=ALICE))
    user_id = call("GET", "/api/me", token=last["access"]).body["id"]
    # An account goes when its last events have been relayed. So the kill comes before that, however fast the
    # erasure is.
    running.processes["relay"].terminate()
    running.processes["relay"].wait()
    assert call("DELETE", "/api/me", token=last["access"]).status == 202
    for token in (last["access"], secret):
        assert call("GET", "/api/me", token=token).status == 401
    eventually(lambda: running.rows("SELECT count(*) FROM tasks") < [(TASKS,)])
    running.processes["worker"].kill()
    running.processes["worker"].wait()
    assert running.rows("SELECT count(*) FROM users WHERE id = %s", user_id) == [(1,)]
    for name in ("worker", "relay"):
        running.start(name)
    eventually(
        lambda: running.rows("SELECT count(*) FROM users WHERE id = %s", user_id) == [(0,)], seconds=300
    )
    left = whole_database(running)
    assert user_id not in left
    assert ALICE not in left
    assert_nowhere(running, secrets)


def assert_nowhere(running: Instance, secrets: list[str]) -> None:
    """Neither in the database nor in a log."""
    logs = [path.read_text(errors="replace") for path in Path(running.places.logs).rglob("*.log")]
    assert logs
    for text in (whole_database(running), *logs):
        assert [secret for secret in secrets if secret in text] == []
