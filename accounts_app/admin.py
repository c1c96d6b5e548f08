"""Accounts in the admin."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts_app import erasure
from accounts_app.models import (
    ApiToken,
    DueMail,
    ErasedIdentity,
    KnownAddress,
    OutsideIdentity,
    SignIn,
    User,
    UserManager,
)
from http_app.admin_classes import LargeTableAdmin, ReadOnly
from recurrence.rules import RuleError, zone


class _WithEmail(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    """Checks that the address is unique without regard to case."""

    def clean_email(self) -> str | None:
        email: str | None = self.cleaned_data["email"] or None
        if email is None:
            return None
        if User.objects.with_email(email).exclude(pk=self.instance.pk).exists():
            detail = "An account with this email address already exists."
            raise forms.ValidationError(detail, code="unique")
        return UserManager.normalize_email(email)


class AddUserForm(_WithEmail, AdminUserCreationForm):  # type: ignore[type-arg] # not generic at run time
    email = forms.EmailField(max_length=254)

    class Meta:
        model = User
        fields = ["email"]


class ChangeUserForm(_WithEmail, UserChangeForm):  # type: ignore[type-arg] # not generic at run time
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets say which

    def clean_timezone(self) -> str:
        name: str = self.cleaned_data["timezone"]
        try:
            zone(name)
        except RuleError as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        return name


# Only their owner changes them, except that an operator may end a stop.
_PREFERENCES = ["channels", "default_reminder_offset", "quiet_from", "quiet_to", "due_soon_notifications"]
_RIGHTS = ["is_staff", "is_superuser", "groups", "user_permissions"]


def _is_superuser(request: HttpRequest) -> bool:
    return cast(User, request.user).is_superuser


def _is_above(request: HttpRequest, user: User) -> bool:
    """Otherwise anyone who may change accounts could take over an operator's account and its rights."""
    return (user.is_staff or user.is_superuser) and not _is_superuser(request)


@admin.register(User)
class UserAdmin(LargeTableAdmin, DjangoUserAdmin):  # type: ignore[type-arg] # not generic at run time
    form = ChangeUserForm
    add_form = AddUserForm
    list_display = ["__str__", "timezone", "is_active", "is_staff", "created_at", "deleted_at"]
    list_filter = [
        *("is_active", "is_staff", "email_confirmed", "created_at"),
        ("deleted_at", admin.EmptyFieldListFilter),
    ]
    search_fields = ["email", "id"]
    ordering = ["-created_at", "id"]
    readonly_fields = ["id", "created_at", "last_login", "deleted_at", *_PREFERENCES]
    fieldsets = [
        (None, {"fields": ["id", "email", "email_confirmed", "password", "timezone"]}),
        ("Reminders", {"fields": [*_PREFERENCES, "email_stopped"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Dates", {"fields": ["created_at", "last_login", "deleted_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "usable_password", "password1", "password2"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return [*super().get_readonly_fields(request, obj), *([] if _is_superuser(request) else _RIGHTS)]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_out_of_reach = obj and (obj.deleted_at or _is_above(request, obj))
        return not is_out_of_reach and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return not (obj and _is_above(request, obj)) and super().has_delete_permission(request, obj)

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """List only the accounts: their data may be millions of rows, which erasure.py deletes later."""
        users = list(objs)
        names = [str(user) for user in users]
        refused = {"operator" for user in users if _is_above(request, user)}
        return names, {"accounts, with all their data": len(names)}, refused, []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        erasure.close_account(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            erasure.close_account(user)


@admin.register(SignIn)
class SignInAdmin(ReadOnly, LargeTableAdmin):
    """Deleting a row signs the user out: its refresh token stops working."""

    list_display = ["id", "user", "created_at", "refreshed_at", "expires_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "id"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(DueMail)
class DueMailAdmin(ReadOnly, LargeTableAdmin):
    """Mails to send, and those handled within the last day."""

    list_display = ["kind", "address", "requested_at", "attempts", "next_attempt_at", "handled_at", "error"]
    list_filter = ["kind", ("handled_at", admin.EmptyFieldListFilter)]
    search_fields = ["address__iexact"]
    search_help_text = "A complete address."


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly, LargeTableAdmin):
    """Operators can see and revoke API tokens. Their secrets are not stored."""

    list_display = ["name", "user", "scopes", "created_at", "last_used_at", "expires_at"]
    list_select_related = ["user"]
    list_filter = ["created_at", "last_used_at", ("expires_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "user__email"]
    readonly_fields = ["created_at", "last_used_at"]
    actions = ["delete_selected"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    @admin.action(description="Revoke selected API tokens", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> HttpResponseBase | None:
        """Django's own action, which asks for confirmation."""
        return delete_selected(self, request, queryset)


@admin.register(OutsideIdentity)
class OutsideIdentityAdmin(LargeTableAdmin):
    """Only superusers can link identities, since a link gives access to the account."""

    list_display = ["subject", "issuer", "user", "created_at"]
    list_select_related = ["user"]
    list_filter = ["issuer", "created_at"]
    search_fields = ["subject", "issuer", "user__email"]
    autocomplete_fields = ["user"]
    readonly_fields = ["created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)


@admin.register(KnownAddress)
class KnownAddressAdmin(ReadOnly, LargeTableAdmin):
    """Addresses from which users have signed in. Guesses from elsewhere do not hold them up there."""

    list_display = ["digest", "user", "signed_in_at"]
    list_filter = ["signed_in_at"]
    list_select_related = ["user"]


@admin.register(ErasedIdentity)
class ErasedIdentityAdmin(ReadOnly, LargeTableAdmin):
    """Erased accounts cannot be opened again for a day. Deleting a row allows it at once."""

    list_display = ["digest", "erased_at"]
    list_filter = ["erased_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


admin.site.unregister(TOTPDevice)


@admin.register(TOTPDevice)
class SecondFactorAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg] # not generic at run time
    """Without its key. `manage.py second_factor` adds and removes them."""

    list_display = ["user", "name", "created_at", "last_used_at"]
    list_select_related = ["user"]
    fields = [
        "user",
        "name",
        "created_at",
        "last_used_at",
        "throttling_failure_count",
        "throttling_failure_timestamp",
    ]
    search_fields = ["user__email"]
