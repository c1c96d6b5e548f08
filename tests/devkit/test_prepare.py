"""What is done to the database before the roles start, and not done when it was done before."""

from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from devkit.commands import prepare

pytestmark = pytest.mark.django_db


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[str]:
    """The commands that were called, and did nothing."""
    settings.KAFKA_BOOTSTRAP_SERVERS = ""  # its topics are another command
    names: list[str] = []

    def call_command(name: str, **_options: Any) -> None:
        names.append(name)

    monkeypatch.setattr(prepare, "call_command", call_command)
    return names


def test_a_database_that_has_all_migrations_is_not_migrated_again(called: list[str]) -> None:
    prepare.main()
    assert called == ["upgrade_rows", "ensure_operator"]


@pytest.mark.parametrize("app", ["tasks_app", "django_celery_beat"])
def test_one_that_misses_a_migration_is_migrated(called: list[str], app: str) -> None:
    newest = MigrationRecorder.Migration.objects.filter(app=app).order_by("name").last()
    assert newest
    newest.delete()
    prepare.main()
    assert called == ["migrate", "upgrade_rows", "ensure_operator"]
