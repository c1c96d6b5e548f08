"""Change a password, or reset a forgotten one.

Each access and refresh token contains a digest of the password hash (CHECK_REVOKE_TOKEN), so a new password
revokes them all.
"""

from typing import Any
from unicodedata import normalize
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
    """Raises ValidationError (400) for the field, with the code of each violated rule."""
    try:
        password_validation.validate_password(normalize("NFC", password), user)
    except DjangoValidationError as error:
        raise ValidationError({field: get_error_detail(error)}) from error


@transaction.atomic
def change_password(user: User, *, current: str, new: str) -> TokenPair:
    """Set the password, end every sign-in and return the tokens of a new one.

    Raises ValidationError (400) if the current password is wrong or the new one too weak.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not user.check_password(current):
        detail = "This password is wrong. If you forgot it, use POST /api/auth/password/reset."
        raise ValidationError({"current_password": [ErrorDetail(detail, "wrong_password")]})
    check_strength(new, user, field="new_password")
    _set(user, new)
    return sign_ins.sign_in(user)


@transaction.atomic
def reset_password(user_id: UUID, *, token: str, new: str) -> None:
    """Set the password with a mailed token, which works once. This also confirms the email address.

    Raises ValidationError (400) if the token is invalid or the password too weak.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id, is_active=True).first()
    if user is None or not default_token_generator.check_token(user, token):
        detail = "This token is invalid, expired or already used. Request a new email."
        raise ValidationError({"token": [ErrorDetail(detail, "invalid_token")]})
    check_strength(new, user, field="password")
    if not user.email_confirmed:
        _revoke_other_access(user)
    user.email_confirmed = True
    _set(user, new)


def _set(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password", "email_confirmed"])
    sign_ins.end_all(user)
    if user.email:
        mails.request_mail(DueMail.Kind.PASSWORD_CHANGED, user.email)


def _revoke_other_access(user: User) -> None:
    """Until now the address was unconfirmed, so someone else may have opened the account.

    They could otherwise open an account with another person's address, wait for the owner to use it, and
    still have access.
    """
    grants: list[Any] = [user.api_tokens, user.outside_identities]
    for grant in grants:
        grant.all().delete()
    devices_ended.send(User, user=user)
