"""This checkout, and others to compare it with: each with a database of its own and its own code.

What they are asked is HTTP, and what is done to them is done by their own code in processes of their own:
so the other one may have other tables and other names.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from benchmarks.report import commit_of
from benchmarks.stage import Stage, execute, people

OURS = "this backend"
_TOKENS = """
import json, sys, django
django.setup()
from accounts_app.models import User
from rest_framework_simplejwt.tokens import AccessToken
name, count = sys.argv[1], int(sys.argv[2])
users = [User(email=f"{name}-{number}@example.test", password="!") for number in range(count)]
print(json.dumps([str(AccessToken.for_user(user)) for user in User.objects.bulk_create(users)]))
"""


@contextmanager
def versions(stage: Stage) -> Iterator[dict[str, Stage]]:
    """A stage for each, by name: this one, and those that `--beside` names, by their commits."""
    others = {commit_of(checkout): checkout for checkout in stage.beside}
    databases = {name: f"other_version_{number}" for number, name in enumerate(others)}
    stages = {OURS: stage}
    try:
        for name, checkout in others.items():
            stages[name] = _with_database(stage, checkout, databases[name])
        yield stages
    finally:
        for database in databases.values():
            execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def tokens(stage: Stage, name: str, count: int) -> list[str]:
    """Access tokens of new users, `count` of them."""
    if _database(stage) == connection.settings_dict["NAME"]:
        return [one.token for one in people(name, count)]
    return list(json.loads(python(stage, "-c", _TOKENS, name, str(count)).splitlines()[-1]))


def python(stage: Stage, *arguments: str, **environment: str) -> str:
    """What a Python program prints that runs in the stage's checkout, on its database."""
    surroundings = {
        "PYTHONPATH": str(stage.checkout),
        "DJANGO_SETTINGS_MODULE": "todo_project.settings",
        "LOG_LEVEL": "WARNING",
    }
    done = subprocess.run(
        [stage.python, "-P", *arguments],
        cwd=stage.checkout,
        env={**stage.environment, **surroundings, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def _database(stage: Stage) -> str:
    return urlsplit(stage.environment["DATABASE_URL"]).path.removeprefix("/")


def _with_database(stage: Stage, checkout: Path, database: str) -> Stage:
    execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    execute(f"CREATE DATABASE {database}")
    url = urlsplit(stage.environment["DATABASE_URL"])._replace(path=f"/{database}").geturl()
    other = replace(stage, checkout=checkout, environment={**stage.environment, "DATABASE_URL": url})
    python(other, "manage.py", "migrate", "--verbosity", "0")
    return other
