"""Django's admin with our site, so that every `admin.site` is it."""

from django.contrib.admin.apps import AdminConfig


class OperatorAdminConfig(AdminConfig):
    default_site = "accounts_app.admin_sign_in.OperatorSite"
