import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from accounts_app.models import OutsideIdentity, User

pytestmark = pytest.mark.django_db


def test_the_database_itself_refuses_a_second_account(alice: User) -> None:
    with pytest.raises(IntegrityError, match="user_email_unique_without_case"):
        User.objects.create_user("ALICE@EXAMPLE.TEST")


@pytest.mark.parametrize("email", ["alice@example.test", "Alice@Example.Test"])
def test_a_user_is_found_whatever_the_case(alice: User, bob: User, email: str) -> None:
    assert User.objects.get_by_natural_key(email) == alice
    assert User.objects.with_email(email).get() == alice


@pytest.mark.parametrize("email", [None, "", "alice", "%@example.test", "alice@example.tes_"])
def test_no_one_is_found_by_less(alice: User, email: str | None) -> None:
    User.objects.create_user(None)
    assert not User.objects.with_email(email).exists()


def test_what_only_the_database_takes_for_the_same_letter_is_another(db: None) -> None:
    """Its lower() turns a dotted capital I into an i, Python's does not: each spelling had its own limit."""
    User.objects.create_user("iris@example.test")
    assert not User.objects.with_email("\u0130r\u0130s@example.test").exists()


def test_finding_a_user_uses_the_unique_index(alice: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        User.objects.get_by_natural_key("alice@example.test")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "user_email_unique_without_case" in plan


def test_an_outside_identity_is_one_persons(alice: User, bob: User) -> None:
    OutsideIdentity.objects.create(user=alice, issuer="https://id.example.test", subject="a")
    OutsideIdentity.objects.create(user=alice, issuer="https://id.example.test", subject="b")
    with pytest.raises(IntegrityError, match="outside_identity_unique"):
        OutsideIdentity.objects.create(user=bob, issuer="https://id.example.test", subject="a")


def test_people_are_shown_by_address_or_id(alice: User) -> None:
    outside = User.objects.create_user(None)
    identity = OutsideIdentity(user=outside, issuer="https://id.example.test", subject="s")
    assert (str(alice), str(outside)) == ("alice@example.test", str(outside.pk))
    assert str(identity) == "s at https://id.example.test"
