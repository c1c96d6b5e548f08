"""How operators sign in to the admin: a password, and a code of an authenticator app (TOTP, RFC 6238).

The second factor is optional for each operator (`manage.py second_factor`), unless SECOND_FACTOR_REQUIRED is
set. django-otp verifies the codes: each works once, and wrong ones make the next try wait.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest
from django_otp import match_token, user_has_device

from accounts_app.known_addresses import remember
from accounts_app.throttles import SignInByAccount, SignInByAddress, SignInFromElsewhere
from http_app.errors import TooBusy
from http_app.throttling import Throttle


class OperatorSignInForm(AdminAuthenticationForm):
    """Shares the throttles of the API's sign-in, since it accepts the same passwords."""

    code = forms.CharField(
        required=False,
        max_length=10,
        label="Code of your authenticator app, if you have one:",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean(self) -> dict[str, Any]:
        request, email = cast(HttpRequest, self.request), self.cleaned_data.get("username", "")
        by_address, by_account, elsewhere = SignInByAddress(), SignInByAccount(), SignInFromElsewhere()
        address = by_address.address(request)
        limits: list[tuple[Throttle, Callable[[], bool]]] = [
            (by_address, partial(by_address.allows, address)),
            (by_account, partial(by_account.allows, by_account.pair(request, email))),
            (elsewhere, partial(elsewhere.allows_sign_in, email, address)),
        ]
        for throttle, allows in limits:
            if not allows():
                raise _too_many_attempts(throttle.wait())
        try:
            cleaned = super().clean()
        except TooBusy as error:
            raise _too_many_attempts(error.wait) from error
        if user := self.get_user():
            self._verify(user, cleaned.get("code", ""))
            remember(user, address)
        return cleaned

    def _verify(self, user: Any, code: str) -> None:
        if not user_has_device(user):
            if settings.SECOND_FACTOR_REQUIRED:
                detail = "This account has no second factor. Run manage.py second_factor to add one."
                raise forms.ValidationError(detail, code="second_factor_missing")
            return
        user.otp_device = match_token(user, code.replace(" ", "")) if code else None
        if user.otp_device is None:
            detail = "The code is missing, wrong or already used. Wait for the next one and try again."
            raise forms.ValidationError(detail, code="invalid_code")


def _too_many_attempts(seconds: float) -> forms.ValidationError:
    return forms.ValidationError(f"Too many attempts. Try again in {seconds} s.", code="throttled")


class OperatorSite(AdminSite):
    """The admin, for operators that have used their second factor, if they have one or need one."""

    login_form = OperatorSignInForm
    login_template = "operator_login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        user: Any = request.user  # with what OTPMiddleware adds
        is_optional = not settings.SECOND_FACTOR_REQUIRED and not user_has_device(user)
        return is_optional or bool(user.is_verified())
