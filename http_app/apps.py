from django.apps import AppConfig


class HttpAppConfig(AppConfig):
    name = "http_app"
    verbose_name = "HTTP manners"
