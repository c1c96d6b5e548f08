"""Email addresses that a mail can reach, as far as the address itself says."""

from typing import Any
from unicodedata import category

from django.core.exceptions import ValidationError
from django.utils.encoding import punycode
from rest_framework import serializers

LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1.1


def check_reachable(address: str) -> None:
    """Raises ValidationError for an address that no mail server would take or that is not what it seems."""
    local, _, domain = address.rpartition("@")
    if len(local) > LONGEST_LOCAL_PART:
        raise ValidationError(
            f"The part before the @ has at most {LONGEST_LOCAL_PART} characters.", "unreachable"
        )
    hidden = next((character for character in address if category(character)[0] in "CZ"), None)
    if hidden is not None:
        raise ValidationError(f"Remove the invisible character U+{ord(hidden):04X}.", "unreachable")
    try:
        punycode(domain)  # what Django does to send a mail there
    except UnicodeError:
        raise ValidationError("No mail can reach this domain.", "unreachable") from None


class EmailAddressField(serializers.EmailField):
    """The address of a person who is to get mails."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_EMAIL, **options)
        self.validators.append(check_reachable)
