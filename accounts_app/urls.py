from django.urls import path

from accounts_app import api_token_views, password_views, views

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="register"),
    path("auth/token", views.SignInView.as_view(), name="sign-in"),
    path("auth/token/refresh", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout", views.SignOutView.as_view(), name="sign-out"),
    path("auth/password/change", password_views.PasswordChangeView.as_view(), name="password-change"),
    path("auth/password/reset", password_views.PasswordResetView.as_view(), name="password-reset"),
    path(
        "auth/password/reset/confirm",
        password_views.PasswordResetConfirmView.as_view(),
        name="password-reset-confirm",
    ),
    path("auth/email/confirm", password_views.EmailConfirmView.as_view(), name="email-confirm"),
    path(
        "auth/email/confirm/resend",
        password_views.EmailConfirmResendView.as_view(),
        name="email-confirm-resend",
    ),
    path("auth/api-tokens", api_token_views.ApiTokensView.as_view(), name="api-tokens"),
    path("auth/api-tokens/<int:pk>", api_token_views.ApiTokenView.as_view(), name="api-token"),
    path("me", views.MeView.as_view(), name="me"),
]
