"""Sign-in by email address and password."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts_app.email_addresses import LONGEST_EMAIL
from accounts_app.hashing import LONGEST_PASSWORD, place_for_a_hash
from accounts_app.models import User, forms_of_password


class PasswordBackend(ModelBackend):
    """Like Django's, but an unknown address takes as long as a wrong password also in a form of two."""

    def authenticate(
        self, request: HttpRequest | None, username: Any = None, password: Any = None, **options: Any
    ) -> User | None:
        email = options.get(User.USERNAME_FIELD) if username is None else username
        if email is None or password is None:
            return None
        if len(email) > LONGEST_EMAIL or len(password) > LONGEST_PASSWORD:
            return None
        user = User.objects.with_email(email).first()
        if user is None:
            with place_for_a_hash():
                for form in forms_of_password(password):
                    User().set_password(form)
            return None
        right = user.check_password(password) and self.user_can_authenticate(user)
        return user if right else None
