import os
from typing import Any
from unicodedata import normalize

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts_app.models import User


class Command(BaseCommand):
    help = (
        "Create the first operator of the admin: OPERATOR_EMAIL (default operator@example.test) with "
        "OPERATOR_PASSWORD. An existing account is not changed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        email = os.environ.get("OPERATOR_EMAIL") or "operator@example.test"
        if User.objects.with_email(email).exists():
            self.stdout.write(f"{email} already has an account; nothing was changed.")
            return
        password = os.environ.get("OPERATOR_PASSWORD")
        if not password:
            raise CommandError(f"{email} has no account yet. Set OPERATOR_PASSWORD to create one.")
        try:
            validate_password(normalize("NFC", password), User(email=email))
        except ValidationError as error:
            raise CommandError(f"OPERATOR_PASSWORD is too weak: {' '.join(error.messages)}") from error
        User.objects.create_superuser(email, password)
        self.stdout.write(f"{email} can now sign in to the admin.")
