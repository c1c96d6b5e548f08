"""Limits of the routes that need no token, and of guessing passwords. Rates: the setting THROTTLE_RATES."""

from rest_framework.exceptions import Throttled
from rest_framework.throttling import BaseThrottle

from accounts_app.models import DueMail
from http_app.throttling import ByAddress, ByAddressAndEmail, ByUser, Throttle, Writes


class SignInByAddress(ByAddress):
    scope = "sign_in_by_address"


class SignInByAccount(ByAddressAndEmail):
    scope = "sign_in_by_account"


class PasswordGuesses(ByUser):
    """Where somebody signed in says the password again."""

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
    """Count a mail that is about to be asked for, from wherever. Raises Throttled (429).

    Not a throttle of the request: one that is refused brings no mail, and whoever sends such about another's
    address would use up the owner's. Whoever is written to has the mails that were counted.
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
