"""No reminder goes to the devices of who is out of the account."""

from uuid import uuid4

import pytest
from django.contrib.auth.tokens import default_token_generator

from accounts_app import erasure, passwords
from accounts_app.models import User
from devkit.demo.push_service import PushService
from notifications_app.models import Delivery, PushSubscription
from tests.notifications_app.conftest import pending_delivery, subscribe

pytestmark = pytest.mark.django_db


def reset_password(user: User) -> None:
    token = default_token_generator.make_token(user)
    passwords.reset_password(user.pk, token=token, new=f"fresh horse {uuid4()}")


def test_anyone_who_opened_an_account_on_anothers_address_gets_nothing_more(
    alice: User, bob: User, service: PushService
) -> None:
    hers, his = pending_delivery(alice, service.subscribe()), subscribe(bob, service.subscribe())
    reset_password(alice)
    assert list(PushSubscription.objects.all()) == [his]
    assert Delivery.objects.get(pk=hers.pk).subscription is None


def test_who_had_shown_that_the_address_is_theirs_keeps_their_devices(
    alice: User, service: PushService
) -> None:
    User.objects.filter(pk=alice.pk).update(email_confirmed=True)
    subscribe(alice, service.subscribe())
    reset_password(alice)
    assert alice.push_subscriptions.count() == 1


def test_a_closed_account_rings_nowhere(alice: User, service: PushService) -> None:
    pending_delivery(alice, service.subscribe())
    erasure.close_account(alice)
    assert not PushSubscription.objects.exists()
