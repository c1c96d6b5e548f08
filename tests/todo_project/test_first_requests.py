"""What is built once in a process is built once, however many of its first requests come at the same time."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from accounts_app.models import User


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_no_first_request_fails(alice: User) -> None:
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "todo_project.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/todo?", f"/{name}?"),
        "SECRET_KEY": settings.SECRET_KEY,
    }
    command = [sys.executable, "-m", "tests.todo_project.first_requests", str(AccessToken.for_user(alice))]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == []
