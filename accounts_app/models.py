"""Users and the ways they sign in."""

from datetime import time
from typing import Any, ClassVar
from unicodedata import normalize
from uuid import UUID, uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from accounts_app.hashing import LONGEST_PASSWORD, place_for_a_hash
from accounts_app.preferences import QUIET_HOURS, Preferences
from database.prepared import prepared_cursor

TIME_ZONE_MAX_LENGTH = 64  # the longest IANA name has 32 characters


class UserManager(BaseUserManager["User"]):
    """Email addresses are compared without regard to case."""

    def create_user(self, email: str | None, password: str | None = None, **fields: Any) -> "User":
        """Create a user. Without a password, the user cannot sign in with one. An outside identity may have
        no email address."""
        user = self.model(email=email and self.normalize_email(email.strip()), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an operator of the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def with_email(self, email: str | None) -> models.QuerySet["User"]:
        """The user with this address, if any: at most one, by the unique index.

        Python lowercases the address, as the throttles do. PostgreSQL treats more letters as equal, so that
        another spelling of an address could bypass a throttle.
        """
        given = Lower(models.Value(email and email.lower()))
        return self.alias(lower_email=Lower("email")).filter(lower_email=given)

    def with_id(self, user_id: str | None) -> "User | None":
        """The user with this id. Every request needs it, and the ORM would add an eighth to a small request
        (docs/decisions/0016-fast-requests.md)."""
        with prepared_cursor(self.db) as cursor:
            cursor.execute(_BY_ID, [user_id])
            row = cursor.fetchone()
        return row and self.model.from_db(self.db, _COLUMNS, row)

    def lock_unless_closed(self, user_id: UUID) -> bool:
        """Lock the user's row for this transaction; False if there is none or the account is closed."""
        with prepared_cursor(self.db) as cursor:
            cursor.execute(_LOCK_UNLESS_CLOSED, [user_id])
            return bool(cursor.rowcount)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.with_email(username).get()


class User(Preferences, AbstractBaseUser, PermissionsMixin):
    """A person. The email address is null if an outside identity provider gave none."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(max_length=254, null=True, blank=True)  # noqa: DJ001 - many may have none
    email_confirmed = models.BooleanField(default=False)
    timezone = models.CharField(max_length=TIME_ZONE_MAX_LENGTH, default="UTC")
    # No one has chosen the zone: a client can ask.
    timezone_is_default = models.BooleanField(default=False, db_default=False)
    # When the day begins for all-day tasks, by the clock of the task's zone.
    day_starts_at = models.TimeField(default=time(9), db_default=time(9))
    # It has changed, and tasks still have the earlier one (tasks_app/day_starts.py).
    day_start_is_new = models.BooleanField(default=False, db_default=False, editable=False)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)
    # Set when the account is closed. A tick then erases all data of the user, and finally this row.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_without_case"),
            QUIET_HOURS,
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="users_by_creation"),
            models.Index(
                fields=["id"], condition=models.Q(day_start_is_new=True), name="users_with_new_day_start"
            ),
            models.Index(
                fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="users_to_erase"
            ),
        ]

    def __str__(self) -> str:
        return self.email or str(self.id)

    def set_password(self, raw_password: str | None) -> None:
        """Raises ValueError for more than LONGEST_PASSWORD characters, TooBusy (429)."""
        if raw_password is None:  # nothing is hashed
            super().set_password(None)
            return
        if len(raw_password) > LONGEST_PASSWORD:
            raise ValueError(f"A password has at most {LONGEST_PASSWORD} characters.")
        with place_for_a_hash():
            super().set_password(normalize("NFC", raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the password, in whatever form the keyboard of the device writes accents.

        Hashes of an older release are of the form that was typed: one that matches is replaced.
        Raises TooBusy (429).
        """
        if raw_password is None or len(raw_password) > LONGEST_PASSWORD:
            return False
        with place_for_a_hash():
            return self._check_forms(raw_password)

    def _check_forms(self, raw_password: str) -> bool:
        normal, *others = forms_of_password(raw_password)
        if super().check_password(normal):
            return True
        if not any(super(User, self).check_password(other) for other in others):
            return False
        self.set_password(normal)
        self.save(update_fields=["password"])
        return True


def forms_of_password(raw_password: str) -> list[str]:
    """The form that is hashed, and the one that was typed if it is another."""
    return list(dict.fromkeys([normalize("NFC", raw_password), raw_password]))


_COLUMNS = [field.attname for field in User._meta.concrete_fields]
_BY_ID = f"SELECT {', '.join(_COLUMNS)} FROM {User._meta.db_table} WHERE id = %s"  # noqa: S608 - no input
_LOCK_UNLESS_CLOSED = "SELECT FROM users WHERE id = %s AND deleted_at IS NULL FOR NO KEY UPDATE"


class KnownAddress(models.Model):
    """An address from which a user has signed in, as a keyed hash (accounts_app/known_addresses.py)."""

    digest = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_addresses")
    signed_in_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "known_addresses"
        verbose_name_plural = "known addresses"

    def __str__(self) -> str:
        return self.digest


class SignIn(models.Model):
    """A sign-in. Only the refresh token with the number `generation`, counted from 0, is valid for it.

    The row contains no token (accounts_app/sign_ins.py). Signing out deletes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    generation = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)
    refreshed_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "sign_ins"
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return str(self.id)


class DueMail(models.Model):
    """A mail to send, or one sent within the last day. Its text is made when it is sent.

    It names an address and not a user: requesting a mail must not reveal whether an account has the address.
    """

    class Kind(models.TextChoices):
        EMAIL_CONFIRMATION = "email_confirmation"
        PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
        PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name

    kind = models.CharField(max_length=20, choices=Kind)
    address = models.CharField(max_length=254, help_text="In lower case.")
    requested_at = models.DateTimeField(default=now)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=now, null=True)
    # Set when the mail was sent, given up or not needed. The row stays for a day for operators to see.
    handled_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "due_mails"
        ordering = ["-requested_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["kind", "address"], name="due_mail_once_per_address")]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="due_mails_to_send",
            ),
            models.Index(
                fields=["handled_at"], condition=models.Q(handled_at__isnull=False), name="due_mails_handled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.pk})"


class OutsideIdentity(models.Model):
    """A user's account at another identity provider. Never linked by an unconfirmed email address."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="outside_identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "outside_identities"
        verbose_name_plural = "outside identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="outside_identity_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class ErasedIdentity(models.Model):
    """An outside identity whose account was erased, kept while its tokens must not open a new account.

    `digest` is a keyed hash of issuer and subject (accounts_app/outside_identity.py), which names no one.
    """

    digest = models.CharField(primary_key=True, max_length=64)
    erased_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        db_table = "erased_identities"
        verbose_name_plural = "erased identities"

    def __str__(self) -> str:
        return self.digest


class ApiToken(models.Model):
    """A secret that a user gives to a program. Only its SHA-256 is stored; the secret is shown once."""

    class Scope(models.TextChoices):
        READ = "read", "read: GET, HEAD and OPTIONS"
        WRITE = "write", "write: everything else"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens", db_index=False)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=5, choices=Scope.choices))
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "api_tokens"
        verbose_name = "API token"
        indexes = [models.Index(fields=["user", "-created_at", "id"], name="api_tokens_of_a_user")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now()
