from django.urls import path

from accounts_app import api_token_views, views

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="register"),
    path("auth/token", views.SignInView.as_view(), name="sign-in"),
    path("auth/token/refresh", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout", views.SignOutView.as_view(), name="sign-out"),
    path("auth/api-tokens", api_token_views.ApiTokensView.as_view(), name="api-tokens"),
    path("auth/api-tokens/<int:pk>", api_token_views.ApiTokenView.as_view(), name="api-token"),
    path("me", views.MeView.as_view(), name="me"),
]
