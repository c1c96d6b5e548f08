from django.urls import path

from accounts_app import views

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="register"),
    path("auth/token", views.SignInView.as_view(), name="sign-in"),
    path("auth/token/refresh", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout", views.SignOutView.as_view(), name="sign-out"),
    path("me", views.MeView.as_view(), name="me"),
]
