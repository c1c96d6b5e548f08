"""The admin's Content-Security-Policy, and that no page of it needs what the policy forbids."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts_app.models import User
from tasks_app.models import Task
from todo_project.admin_requests import POLICY

pytestmark = pytest.mark.django_db

# Scripts and styles that are in the page itself, which no CSP of ours allows.
INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)(?![^>]*application/json)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:"
)


def pages(alice: User) -> list[str]:
    task = Task.objects.create(user=alice, title="water")
    models = [model._meta for model in admin.site._registry]
    lists = [reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in models]
    return [
        "/admin/",
        "/admin/login/",
        "/admin/password_change/",
        f"/admin/tasks_app/task/{task.pk}/change/",
        "/admin/tasks_app/task/add/",
        "/admin/tasks_app/task/?q=%3Cscript%3Ealert(1)%3C/script%3E",
        f"/admin/accounts_app/user/{alice.pk}/change/",
        *lists,
    ]


def test_no_page_has_a_script_or_a_style_of_its_own(operator: Client, alice: User) -> None:
    for path in pages(alice):
        answer = operator.get(path, follow=True)
        assert answer.status_code == 200, path
        assert answer["Content-Security-Policy"] == POLICY
        assert not INLINE.findall(answer.content.decode()), path


def test_other_paths_have_their_own(client: Client) -> None:
    assert "Content-Security-Policy" not in client.get("/healthz/live")
