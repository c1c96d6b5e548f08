"""Changing a password, and choosing a new one when it is forgotten.

Each access and refresh token carries a digest of the password's hash (CHECK_REVOKE_TOKEN), so a new password
ends them all at once.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth import password_validation
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import get_error_detail

from accounts_app import mails, sign_ins
from accounts_app.models import DueMail, User
from accounts_app.sign_ins import TokenPair
from accounts_app.signals import devices_ended


def check_strength(password: str, user: User, *, field: str) -> None:
    """Raises ValidationError (400) on the field, with the code of each rule that is broken."""
    try:
        password_validation.validate_password(password, user)
    except DjangoValidationError as error:
        raise ValidationError({field: get_error_detail(error)}) from error


@transaction.atomic
def change_password(user: User, *, current: str, new: str) -> TokenPair:
    """Set the password and end every sign-in; the tokens of a new one, for whoever changed it.

    Raises ValidationError (400): the current password is wrong, or the new one too weak.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not user.check_password(current):
        detail = "This is not your password. Forgotten? POST /api/auth/password/reset mails you a way."
        raise ValidationError({"current_password": [ErrorDetail(detail, "wrong_password")]})
    check_strength(new, user, field="new_password")
    _set(user, new)
    return sign_ins.sign_in(user)


@transaction.atomic
def reset_password(user_id: UUID, *, token: str, new: str) -> None:
    """Set the password by a mailed token, which is spent by this. The address is confirmed: it came there.

    Raises ValidationError (400): the token is not good (any more), or the password too weak.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id, is_active=True).first()
    if user is None or not default_token_generator.check_token(user, token):
        detail = "This token was used, is too old or not whole: ask for a new mail."
        raise ValidationError({"token": [ErrorDetail(detail, "invalid_token")]})
    check_strength(new, user, field="password")
    if not user.email_confirmed:
        _end_what_strangers_made(user)
    user.email_confirmed = True
    _set(user, new)


def _set(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password", "email_confirmed"])
    sign_ins.end_all(user)
    if user.email:
        mails.request_mail(DueMail.Kind.PASSWORD_CHANGED, user.email)


def _end_what_strangers_made(user: User) -> None:
    """Nobody had shown until now that the address is theirs: whoever opened the account loses the ways in.

    Or they could open accounts on others' addresses and wait for the owners to come and use them.
    """
    ways_in: list[Any] = [user.api_tokens, user.outside_identities]
    for way in ways_in:
        way.all().delete()
    devices_ended.send(User, user=user)
