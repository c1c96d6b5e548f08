"""Mails as files, for machines without a mail server (`EMAIL_URL=filemail:///folder`)."""

import os

from django.core.mail.backends import filebased


class EmailBackend(filebased.EmailBackend):
    """Django's own, whose files only their owner can read: they have the links that reset a password."""

    def open(self) -> bool:
        before = os.umask(0o077)
        try:
            return bool(super().open())
        finally:
            os.umask(before)
