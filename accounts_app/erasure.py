"""Closing an account: signed out at once, erased soon after, in batches that a kill does not undo.

What belongs to a person is found by Django's own relations to User: a new model with such a key is erased
without a word here. What is to be told of the erased (a task's event) is told by the model's own delete.
Source: docs/decisions/0009-erasure.md.
"""

from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from time import monotonic
from typing import Any, cast
from uuid import UUID

import structlog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, OperationalError, models, transaction
from django.db.models.deletion import CASCADE, get_candidate_relations_to_delete
from django.utils import timezone

from accounts_app import outside_identity, sign_ins
from accounts_app.models import DueMail, OutsideIdentity, User
from accounts_app.signals import devices_ended
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent

log = structlog.get_logger(__name__)

BATCH = 500
# An erased task is two events, and the relay brings everybody's in one line: more than these wait for nobody.
DEEPEST_OUTBOX = 5_000
ACCOUNTS_AT_ONCE = 100
# Of one call, which runs beside deliveries and must let them pass.
SECONDS_PER_CALL = 1.5

_Owned = tuple[type[models.Model], str]


@transaction.atomic
def close_account(user: User) -> None:
    """Sign the person out everywhere, free the e-mail address, and have everything of theirs erased.

    Every token is refused from then on: an access token and an API token because the user is not active.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if user.email:
        DueMail.objects.filter(address=user.email.lower()).delete()
    user.deleted_at = user.deleted_at or timezone.now()
    user.is_active = user.is_staff = user.is_superuser = user.email_confirmed = False
    user.email = None
    user.set_unusable_password()
    user.save()
    sign_ins.end_all(user)
    devices_ended.send(User, user=user)
    log.info("account_closed", user_id=str(user.pk))


def erase_closed_accounts() -> int:
    """A batch of each closed account, again and again for SECONDS_PER_CALL; how many rows are gone."""
    deadline = monotonic() + SECONDS_PER_CALL
    erased = 0
    while monotonic() < deadline and (batch := _erase_some_of_each(deadline)):
        erased += batch
    return erased


def _erase_some_of_each(deadline: float) -> int:
    closed = User.objects.filter(deleted_at__isnull=False).order_by("deleted_at")
    erased = 0
    for user_id in list(closed.values_list("pk", flat=True)[:ACCOUNTS_AT_ONCE]):
        if monotonic() < deadline:
            erased += _erase_some(user_id)
    return erased


def _erase_some(user_id: UUID) -> int:
    """Erase a batch; how many rows, 0 also when somebody else is at it or the outbox is too deep."""
    try:
        with transaction.atomic():
            closed = User.objects.filter(pk=user_id, deleted_at__isnull=False)
            user = closed.select_for_update(skip_locked=True, no_key=True).first()
            if user is None or OutboxEvent.objects.order_by()[:DEEPEST_OUTBOX].count() == DEEPEST_OUTBOX:
                return 0
            return _erase_batch(user) or _finish(user)
    except (IntegrityError, OperationalError) as error:  # a worker wrote or locked at the same moment
        log.warning("erasure_postponed", user_id=str(user_id), error=type(error).__name__)
        return 0


def _erase_batch(user: User) -> int:
    for model, field in _owned():
        rows = model._base_manager.filter(**{field: user.pk})
        rows = rows.order_by(*_order(model))
        if ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            _forget_in_admin_log(model, ids)
            model._base_manager.filter(pk__in=ids).delete()
            return len(ids)
    return 0


def _finish(user: User) -> int:
    """The account itself, when the last of its events is on its way: what could not be handled goes too."""
    key = str(user.pk)
    if OutboxEvent.objects.filter(key=key).exists():
        return 0
    ParkedEvent.objects.filter(key=key).delete()
    DeadLetter.objects.filter(key=key).delete()
    _forget_in_admin_log(User, [key])
    outside_identity.remember_erasure(user)
    user.delete()
    log.info("account_erased", user_id=key)
    return 1


def _forget_in_admin_log(model: type[models.Model], ids: list[Any]) -> None:
    """What operators did stays in their log, the name of what they did it to does not."""
    told = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model), object_id__in=ids)
    told.update(object_repr="(erased)", change_message="")


@cache
def _owned() -> list[_Owned]:
    """The models whose rows belong to a user, each with the field that says so; what refers to others first.

    Without the outside identities: as long as one is there, its provider's tokens are refused.
    """
    candidates: Iterable[Any] = get_candidate_relations_to_delete(cast(Any, User._meta))
    relations = [
        relation
        for relation in candidates
        if relation.on_delete is CASCADE and relation.related_model is not OutsideIdentity
    ]
    models_of_users = {relation.related_model for relation in relations}
    order: TopologicalSorter[Any] = TopologicalSorter({model: set() for model in models_of_users})
    for model in models_of_users:
        for target in _referred_to(model) & models_of_users - {model}:
            order.add(target, model)
    place = {model: number for number, model in enumerate(order.static_order())}
    owned = [(relation.related_model, relation.field.name) for relation in relations]
    return sorted(owned, key=lambda one: place[one[0]])


def _order(model: type[models.Model]) -> list[Any]:
    """Newest first where rows refer to each other, so that what refers goes first; else as they come."""
    return list(model._meta.ordering or []) if model in _referred_to(model) else []


def _referred_to(model: type[models.Model]) -> set[Any]:
    fields = model._meta.get_fields()
    return {field.related_model for field in fields if field.is_relation and not field.auto_created}
