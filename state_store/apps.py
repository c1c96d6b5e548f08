from django.apps import AppConfig


class StateStoreConfig(AppConfig):
    name = "state_store"
    verbose_name = "State store"
