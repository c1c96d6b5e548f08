from importlib import import_module

from django.apps import AppConfig


class AccountsAppConfig(AppConfig):
    name = "accounts_app"
    verbose_name = "Accounts"

    def ready(self) -> None:
        import_module("accounts_app.openapi")  # registers itself with drf-spectacular
