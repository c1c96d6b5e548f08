"""Closing an account signs it out at once; a tick then erases its data in batches.

The data is found through Django's relations to User, so a new model with a cascading foreign key to User is
erased too. Each model's own delete runs, which records the events of deleted tasks.
Source: docs/decisions/0009-erasure.md.
"""

from collections.abc import Iterable
from datetime import datetime
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
from database.questions import Question
from events_app.models import DeadLetter, OutboxEvent, ParkedEvent

log = structlog.get_logger(__name__)

BATCH = 500
# An erased task is two events, and all users share the outbox: with more than this waiting, erasure waits.
DEEPEST_OUTBOX = 5_000
ACCOUNTS_PER_ROUND = 100
# The same worker sends deliveries, which must not wait for long.
SECONDS_PER_CALL = 1.5


@transaction.atomic
def close_account(user: User) -> None:
    """Sign the user out everywhere, free the email address and mark the account for erasure.

    From then on every token is refused, since the user is inactive.
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


@Question
def has_closed_accounts(_now: datetime) -> models.QuerySet[User]:
    """Whether accounts are closed and not yet erased."""
    return _closed_accounts()


def erase_closed_accounts() -> int:
    """Erase a batch of each closed account in turn, for SECONDS_PER_CALL. Returns the number of rows."""
    deadline = monotonic() + SECONDS_PER_CALL
    erased = 0
    while monotonic() < deadline and (in_this_round := erase_round(deadline)):
        erased += in_this_round
    return erased


def erase_round(deadline: float) -> int:
    """Erase one batch of each closed account until `deadline` (monotonic). Returns the number of rows."""
    closed = _closed_accounts().order_by("deleted_at")
    erased = 0
    for user_id in list(closed.values_list("pk", flat=True)[:ACCOUNTS_PER_ROUND]):
        if monotonic() < deadline:
            erased += _erase_batch_of(user_id)
    return erased


def _closed_accounts() -> models.QuerySet[User]:
    return User.objects.filter(deleted_at__isnull=False)


def _erase_batch_of(user_id: UUID) -> int:
    """Return the number of rows: 0 also if the account is locked or the outbox is too deep."""
    try:
        with transaction.atomic():
            closed = _closed_accounts().filter(pk=user_id)
            user = closed.select_for_update(skip_locked=True, no_key=True).first()
            if user is None or OutboxEvent.objects.order_by()[:DEEPEST_OUTBOX].count() == DEEPEST_OUTBOX:
                return 0
            return _erase_owned_rows(user) or _erase_user(user)
    except (IntegrityError, OperationalError) as error:  # a worker wrote or locked rows at the same time
        log.warning("erasure_postponed", user_id=str(user_id), error=type(error).__name__)
        return 0


def _erase_owned_rows(user: User) -> int:
    for model, field in owned_models():
        # Rows that refer to others of the same model go first: the newest. Other rows need no order.
        order = model._meta.ordering if model in _models_referred_to_by(model) else []
        rows = model._base_manager.filter(**{field: user.pk}).order_by(*order or [])
        if ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            _anonymise_admin_log(model, ids)
            model._base_manager.filter(pk__in=ids).delete()
            return len(ids)
    return 0


def _erase_user(user: User) -> int:
    """Erase the account and its failed events, once the relay has taken the last of its events."""
    key = str(user.pk)
    # Rows of releases that did not write user_id have it as their key; of a tag, the key names the tag.
    theirs = models.Q(user_id=user.pk) | models.Q(key=key)
    if OutboxEvent.objects.filter(theirs).exists():
        return 0
    ParkedEvent.objects.filter(theirs).delete()
    DeadLetter.objects.filter(theirs).delete()
    _anonymise_admin_log(User, [key])
    outside_identity.remember_erasure(user)
    user.delete()
    log.info("account_erased", user_id=key)
    return 1


def _anonymise_admin_log(model: type[models.Model], ids: list[Any]) -> None:
    """Keep the log entries of operators, without the names of erased objects."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(model), object_id__in=ids
    )
    entries.update(object_repr="(erased)", change_message="")


@cache
def owned_models() -> list[tuple[type[models.Model], str]]:
    """Models whose rows belong to a user, and the field that names the user; referring models come first.

    Outside identities are left out: as long as one exists, tokens of its provider are refused.
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
        for target in _models_referred_to_by(model) & models_of_users - {model}:
            order.add(target, model)
    position = {model: number for number, model in enumerate(order.static_order())}
    owned = [(relation.related_model, relation.field.name) for relation in relations]
    return sorted(owned, key=lambda pair: position[pair[0]])


def _models_referred_to_by(model: type[models.Model]) -> set[Any]:
    fields = model._meta.get_fields()
    return {field.related_model for field in fields if field.is_relation and not field.auto_created}
