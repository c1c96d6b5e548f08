"""Limits of the routes that need no token, and of guessing passwords. Rates: the setting THROTTLE_RATES."""

from rest_framework.throttling import BaseThrottle

from http_app.throttling import ByAddress, ByAddressAndEmail, ByEmail, ByUser, Writes


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


class MailByAccount(ByEmail):
    """From wherever: whoever is written to has the mails that were allowed, so this locks nobody out."""

    scope = "mail_by_account"


Throttles = list[type[BaseThrottle]]
SIGN_IN: Throttles = [SignInByAddress, SignInByAccount]
SIGN_UP: Throttles = [SignUp]
REFRESH: Throttles = [Refresh]
PASSWORD: Throttles = [Writes, PasswordGuesses]
MAIL: Throttles = [MailByAddress, MailByAccount]
