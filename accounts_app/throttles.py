"""Throttles of routes without a token, and of password guesses. The rates are the setting THROTTLE_RATES."""

from rest_framework.exceptions import Throttled
from rest_framework.throttling import BaseThrottle

from accounts_app.models import DueMail
from http_app.throttling import ByAddress, ByAddressAndEmail, ByUser, Throttle, Writes


class SignInByAddress(ByAddress):
    scope = "sign_in_by_address"


class SignInByAccount(ByAddressAndEmail):
    scope = "sign_in_by_account"


class PasswordGuesses(ByUser):
    """For routes where a signed-in user enters the password again."""

    scope = "sign_in_by_account"


class SignUp(ByAddress):
    scope = "sign_up"


class Refresh(ByAddress):
    scope = "refresh"


class MailByAddress(ByAddress):
    scope = "mail_by_address"


class MailByAccount(Throttle):
    scope = "mail_by_account"


def limit_mails(kind: DueMail.Kind, address: str) -> None:
    """Count a mail to this address from any client. Raises Throttled (429).

    This counts mails and not requests. Otherwise rejected requests, which send no mail, could use up the
    limit of another person's address.
    """
    throttle = MailByAccount()
    if not throttle.allows(f"{kind} {address.lower()}"):
        raise Throttled(throttle.wait())


Throttles = list[type[BaseThrottle]]
SIGN_IN: Throttles = [SignInByAddress, SignInByAccount]
SIGN_UP: Throttles = [SignUp]
REFRESH: Throttles = [Refresh]
PASSWORD: Throttles = [Writes, PasswordGuesses]
MAIL: Throttles = [MailByAddress]
