"""A fixed statement is planned once in a session, also after a migration; never through a pooler."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts_app.models import User
from database.prepared import prepared_cursor
from http_app.errors import Unavailable, unavailable

pytestmark = pytest.mark.django_db(transaction=True)

NOTES = "SELECT text FROM notes WHERE text <> %s"


@pytest.fixture(autouse=True)
def notes() -> Iterator[None]:
    connection.close()  # a session without plans of other tests
    run("CREATE TEMPORARY TABLE notes (text varchar(10))", "INSERT INTO notes VALUES ('milk'), ('bread')")
    yield
    connection.close()


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def read(without: str) -> list[Any]:
    with prepared_cursor() as cursor:
        cursor.execute(NOTES, [without])
        return [text for (text,) in cursor.fetchall()]


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall()]


def widen() -> None:
    """A column becomes longer, as by a migration. In a block, since psycopg would notice an ALTER."""
    run("DO 'BEGIN ALTER TABLE notes ALTER text TYPE varchar(20); END'")


def test_what_comes_again_is_prepared() -> None:
    assert [read("milk"), read("bread"), prepared()] == [["bread"], ["milk"], []]
    assert [read("milk"), read("bread"), read("milk")] == [["bread"], ["milk"], ["bread"]]
    assert prepared() == ["SELECT text FROM notes WHERE text <> $1"]


def test_through_a_transaction_pooler_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the next statement may be another session's."""
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert [read("milk") for _ in range(5)] == [["bread"]] * 5
    assert prepared() == []


def test_a_user_who_is_asked_for_often_is_prepared(alice: User) -> None:
    assert {User.objects.with_id(str(alice.pk)) for _ in range(5)} == {alice}
    assert len(prepared()) == 1


def test_a_column_that_changed_its_type_is_read() -> None:
    for _ in range(5):
        read("milk")
    widen()
    assert [read("milk"), read("milk")] == [["bread"], ["bread"]]
    assert prepared() == []  # the plan of before was refused, and forgotten


def test_in_a_transaction_it_is_an_error_for_once() -> None:
    for _ in range(5):
        read("milk")
    widen()
    with pytest.raises(OperationalError) as refused, transaction.atomic():
        read("milk")
    assert isinstance(unavailable(refused.value), Unavailable)
    with transaction.atomic():
        assert [read("milk") for _ in range(5)] == [["bread"]] * 5


def plan() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%number = $1'")
        (name,) = cursor.fetchone()
        cursor.execute(f"EXPLAIN EXECUTE {name}(1)")
        return " ".join(line for (line,) in cursor.fetchall())


def find(number: int) -> None:
    with prepared_cursor() as cursor:
        cursor.execute("SELECT number FROM numbers WHERE number = %s", [number])


def test_a_plan_does_not_stay_when_its_table_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    run("CREATE TEMPORARY TABLE numbers (number integer PRIMARY KEY)", "INSERT INTO numbers VALUES (1)")
    run("ANALYZE numbers")
    for number in range(10):
        find(number)
    assert "Seq Scan" in plan()
    run("INSERT INTO numbers SELECT generate_series(2, 20000)")
    assert "Seq Scan" in plan()
    monkeypatch.setattr("database.prepared.PLANS_KEPT_SECONDS", 0.0)
    find(1)
    assert "Seq Scan" not in plan()


def test_django_s_statements_are_not_kept() -> None:
    """Their texts have their values, and may be long."""
    for _ in range(5):
        run("SELECT 1")
        read("milk")
    assert "SELECT 1" not in prepared()
    assert connection.connection.prepare_threshold is None


def test_a_connection_that_the_server_ended_is_replaced() -> None:
    """The first statement of a GET is one of these, outside of a transaction."""
    pid = connection.connection.info.backend_pid
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    connection.close_if_unusable_or_obsolete()  # as Django does before each request
    with prepared_cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != (pid,)


def test_captured_statements_have_their_values() -> None:
    with CaptureQueriesContext(connection) as queries:
        read("milk")
    assert [query["sql"] for query in queries] == ["SELECT text FROM notes WHERE text <> 'milk'"]
