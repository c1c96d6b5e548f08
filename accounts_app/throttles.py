"""Throttles of routes without a token, and of password guesses. The rates are the setting THROTTLE_RATES."""

from typing import Any, cast

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts_app.known_addresses import is_known
from accounts_app.models import DueMail
from http_app.throttling import ByAddress, ByAddressAndEmail, ByUser, Throttle, Writes

# Seconds between two guesses of a password, from all addresses together.
LONGEST_WAIT = 30


class SignInByAddress(ByAddress):
    scope = "sign_in_by_address"


class SignInByAccount(ByAddressAndEmail):
    scope = "sign_in_by_account"


class SignInFromElsewhere(Throttle):
    """Sign-ins to an account from any address from which no one has signed in to it for long.

    The rate is how many pass without waiting. After that one passes at a time, and the next after a time that
    doubles with each, up to LONGEST_WAIT: enough against guesses from many addresses, and a new device of the
    owner still gets in.
    """

    scope = "sign_in_from_elsewhere"

    def allow_request(self, request: Request, view: Any) -> bool:
        email = str(cast(dict[str, Any], request.data).get("email", ""))
        return not email or self.allows_sign_in(email, self.address(request))

    def allows_sign_in(self, email: str, address: str) -> bool:
        """Count a sign-in; whether it is allowed."""
        account = email.strip().lower()
        if self.allows(account) or is_known(email, address):
            return True
        wait = min(LONGEST_WAIT, 2 ** min(self.over - 1, 10))
        self.seconds_left = self.claim(account, seconds=wait)
        return not self.seconds_left


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
SIGN_IN: Throttles = [SignInByAddress, SignInByAccount, SignInFromElsewhere]
SIGN_UP: Throttles = [SignUp]
REFRESH: Throttles = [Refresh]
PASSWORD: Throttles = [Writes, PasswordGuesses]
MAIL: Throttles = [MailByAddress]
