from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts_app import erasure
from accounts_app.models import OutsideIdentity, User
from events_app.models import OutboxEvent
from tasks_app.models import Tag
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts_app/user/"
IDENTITIES = "/admin/accounts_app/outsideidentity/"
ADD: dict[str, Any] = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    return {"email": user.email or "", "timezone": user.timezone, "is_active": "on"} | changes


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def test_an_operator_signs_in_by_the_form() -> None:
    User.objects.create_superuser("operator@example.test", PASSWORD)
    client = Client()
    credentials = {"username": "Operator@example.test", "password": PASSWORD}
    assert client.post("/admin/login/?next=/admin/", credentials).status_code == 302
    assert client.get(USERS).status_code == 200


def test_an_ordinary_user_is_not_let_in(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get(USERS).status_code == 302


def test_a_user_is_added_with_an_address_and_a_password(operator: Client) -> None:
    assert operator.get(f"{USERS}add/").status_code == 200
    answer = operator.post(f"{USERS}add/", ADD | {"email": "Dora@Example.TEST"})
    assert answer.status_code == 302
    dora = User.objects.get(email="Dora@example.test")
    assert dora.check_password(PASSWORD)
    assert not dora.is_staff


@pytest.mark.parametrize("email", ["ALICE@example.test", "", "alice"])
def test_an_address_that_is_taken_or_none_is_refused(alice: User, operator: Client, email: str) -> None:
    assert set(errors(operator.post(f"{USERS}add/", ADD | {"email": email}))) == {"email"}


def test_a_weak_password_is_refused(operator: Client) -> None:
    weak = ADD | {"email": "dora@example.test", "password1": "dora", "password2": "dora"}
    assert set(errors(operator.post(f"{USERS}add/", weak))) == {"password2"}


def test_a_user_is_changed(alice: User, operator: Client) -> None:
    page = f"{USERS}{alice.pk}/change/"
    assert operator.get(page).status_code == 200
    assert operator.post(page, form_of(alice, timezone="Asia/Tokyo", is_staff="on")).status_code == 302
    alice.refresh_from_db()
    assert (alice.timezone, alice.is_staff) == ("Asia/Tokyo", True)
    assert alice.check_password(PASSWORD)


def test_an_unknown_zone_and_anothers_address_are_refused(alice: User, bob: User, operator: Client) -> None:
    page = f"{USERS}{alice.pk}/change/"
    wrong = operator.post(page, form_of(alice, timezone="Mars", email="BOB@example.test"))
    assert set(errors(wrong)) == {"timezone", "email"}


@pytest.fixture
def helper(charlie: User) -> Client:
    """Signed in as Charlie, who has all permissions for accounts but is not a superuser."""
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts_app"))
    client = Client()
    client.force_login(charlie)
    return client


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
def test_rights_are_given_by_superusers_alone(alice: User, helper: Client, right: str) -> None:
    page = f"{USERS}{alice.pk}/change/"
    assert helper.post(page, form_of(alice, timezone="Asia/Tokyo", **{right: "on"})).status_code == 302
    alice.refresh_from_db()
    assert (alice.timezone, alice.is_staff, alice.is_superuser) == ("Asia/Tokyo", False, False)


def test_operators_are_changed_by_superusers_alone(operator: Client, charlie: User, helper: Client) -> None:
    chief = User.objects.get(is_superuser=True)
    for page in (f"{USERS}{user.pk}/" for user in (chief, charlie)):
        form = form_of(chief, email="mallory@example.test", is_superuser="on")
        assert helper.post(f"{page}change/", form).status_code == 403
        assert helper.post(f"{page}password/", ADD).status_code == 403
        assert helper.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [chief.pk], "post": "yes"}
    assert helper.post(USERS, action).status_code == 403
    identity = {"user": chief.pk, "issuer": "https://id.example.test", "subject": "mallory"}
    assert helper.post(f"{IDENTITIES}add/", identity).status_code == 403
    assert not OutsideIdentity.objects.exists()
    assert User.objects.filter(is_superuser=True, is_active=True).get().email == chief.email


def test_who_is_no_superuser_helps_ordinary_people(alice: User, helper: Client) -> None:
    action = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [alice.pk], "post": "yes"}
    assert helper.post(USERS, action).status_code == 302
    alice.refresh_from_db()
    assert not alice.is_active


def test_two_users_may_have_no_address(operator: Client) -> None:
    for _ in range(2):
        outside = User.objects.create_user(None)
        page = f"{USERS}{outside.pk}/change/"
        assert operator.post(page, form_of(outside, is_staff="on")).status_code == 302
    assert User.objects.filter(email=None, is_staff=True).count() == 2


def test_a_password_is_set_anew(alice: User, operator: Client) -> None:
    page = f"{USERS}{alice.pk}/password/"
    assert operator.get(page).status_code == 200
    new = {"usable_password": "true", "password1": "fresh horse staple", "password2": "fresh horse staple"}
    assert operator.post(page, new).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("fresh horse staple")


def test_a_user_is_deleted(alice: User, operator: Client) -> None:
    Tag.objects.create(user=alice, name="home")
    page = f"{USERS}{alice.pk}/delete/"
    assert b"alice@example.test" in operator.get(page).content
    assert operator.post(page, {"post": "yes"}).status_code == 302
    alice.refresh_from_db()
    assert alice.deleted_at is not None
    erasure.erase_closed_accounts()
    OutboxEvent.objects.all().delete()  # the relay has published that the tag is deleted
    erasure.erase_closed_accounts()
    assert not User.objects.filter(pk=alice.pk).exists()
    assert "alice" not in str(LogEntry.objects.values())


def test_many_users_are_deleted(alice: User, bob: User, charlie: User, operator: Client) -> None:
    chosen = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [str(alice.pk), str(bob.pk)], "post": "yes"}
    assert operator.post(USERS, chosen).status_code == 302
    erasure.erase_closed_accounts()
    assert set(User.objects.filter(is_superuser=False)) == {charlie}


def test_a_closed_account_is_looked_at_only(alice: User, bob: User, operator: Client) -> None:
    erasure.close_account(alice)
    page = f"{USERS}{alice.pk}/change/"
    assert operator.get(page).status_code == 200
    assert operator.post(page, form_of(alice, email="back@example.test")).status_code == 403
    listed = operator.get(f"{USERS}?deleted_at__isempty=0").content
    assert str(alice.pk).encode() in listed
    assert b"bob@example.test" not in listed


@pytest.mark.parametrize("query", ["", "?q=alice", "?is_active__exact=1", "?o=1"])
def test_lists_find_and_do_not_ask_per_row(
    alice: User, operator: Client, django_assert_max_num_queries: Any, query: str
) -> None:
    for i in range(20):
        user = User.objects.create_user(f"alice{i}@example.test")
        OutsideIdentity.objects.create(user=user, issuer="https://id.example.test", subject=str(i))
    with django_assert_max_num_queries(6):
        assert b"alice@example.test" in operator.get(USERS + query).content


def test_a_user_is_found_by_id(alice: User, bob: User, operator: Client) -> None:
    page = operator.get(USERS, {"q": str(alice.pk)}).content
    assert b"alice@example.test" in page
    assert b"bob@example.test" not in page


def test_outside_identities_are_listed_without_asking_per_row(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    for i in range(20):
        user = User.objects.create_user(f"user{i}@example.test")
        OutsideIdentity.objects.create(user=user, issuer="https://id.example.test", subject=f"subject-{i}")
    with django_assert_max_num_queries(7):
        page = operator.get(IDENTITIES).content
    assert b"subject-19" in page
    assert b"user19@example.test" in page
    page = operator.get(IDENTITIES, {"q": "user7@"}).content
    assert b"subject-7" in page
    assert b"subject-19" not in page


def test_an_outside_identity_is_linked_by_hand(alice: User, operator: Client) -> None:
    assert operator.get(f"{IDENTITIES}add/").status_code == 200
    link = {"user": str(alice.pk), "issuer": "https://id.example.test", "subject": "alice"}
    assert operator.post(f"{IDENTITIES}add/", link).status_code == 302
    assert OutsideIdentity.objects.get().user == alice
    assert set(errors(operator.post(f"{IDENTITIES}add/", link))) == {"__all__"}
