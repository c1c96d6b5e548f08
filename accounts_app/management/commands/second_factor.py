import sys
from typing import Any

import segno
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts_app.models import User


class Command(BaseCommand):
    help = (
        "Give an operator a second factor for the admin: print a QR code and a URL for an authenticator app. "
        "One that is there already stops working."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--remove", action="store_true", help="Only remove it, such as for a lost phone.")

    def handle(self, *args: Any, **options: Any) -> None:
        operator = User.objects.with_email(options["email"]).filter(is_staff=True).first()
        if operator is None:
            raise CommandError(f"There is no operator with the address {options['email']}.")
        with transaction.atomic():
            TOTPDevice.objects.filter(user=operator).delete()
            if options["remove"]:
                self.stdout.write(f"{operator.email} has no second factor any more.")
                return
            device = TOTPDevice.objects.create(user=operator, name="authenticator app")
        if sys.stdout.isatty():
            segno.make(device.config_url).terminal(compact=True)
        self.stdout.write(str(device.config_url))
