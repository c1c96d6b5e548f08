"""Drives the admin as a browser does: opens a page, fills in its form, sends all of it."""

from html.parser import HTMLParser
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.datastructures import MultiValueDict

from accounts_app.models import User


class PageForm(HTMLParser):
    """What a browser would send of the page's main form as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.select = self.textarea = None
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = dict(attrs)
        if tag == "select":
            self.select = None if "disabled" in at else at.get("name")
        elif tag == "textarea":
            self.textarea, self.text = at["name"], ""
        elif tag == "option" and self.select and "selected" in at:
            self.fields.setdefault(self.select, []).append(at.get("value") or "")
        elif tag == "input" and at.get("name") and "disabled" not in at:
            self._input(at)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.textarea:
            # A first line break is the template's; a browser sends the others as CRLF.
            self.fields[self.textarea] = [self.text.removeprefix("\n").replace("\n", "\r\n")]
            self.textarea = None

    def handle_data(self, data: str) -> None:
        self.text += data

    def _input(self, at: dict[str, str | None]) -> None:
        kind = at.get("type")
        if kind == "submit" or (kind in ("checkbox", "radio") and "checked" not in at):
            return
        unsaid = "on" if kind == "checkbox" else ""
        self.fields.setdefault(at["name"] or "", []).append(at.get("value") or unsaid)


def url_of(page: str, model: type[Model] | Model) -> str:
    """The address of the admin's `changelist`, `add`, `change` ... of a model or a row."""
    args = [model.pk] if isinstance(model, Model) else []
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def opened(client: Client, url: str) -> dict[str, Any]:
    """The fields of the page's form, as a browser would send them back."""
    response = client.get(url)
    assert response.status_code == 200
    form = PageForm()
    form.feed(response.content.decode())
    return form.fields


def send(client: Client, url: str, fields: dict[str, Any], **changes: Any) -> dict[str, list[str]]:
    """Send the form; the errors by field, empty when it was accepted. None unchecks a box."""
    data = {name: value for name, value in (fields | changes).items() if value is not None}
    response = client.post(url, data)
    if response.status_code == 302:
        return {}
    assert response.status_code == 200
    errors = dict(response.context["adminform"].form.errors)
    assert errors
    return errors


def refusals(row: Model, fields: dict[str, Any], changes: dict[str, str]) -> dict[str, list[str]]:
    """What the page would say to these fields, without drawing it: for many cases."""
    page = admin.site.get_model_admin(type(row))
    request = RequestFactory().post("/")
    request.user = User(is_staff=True, is_superuser=True)
    shown = row if row.pk else None
    names = flatten_fieldsets(page.get_fieldsets(request, shown))
    form_class = page.get_form(request, shown, change=bool(shown), fields=names)
    sent = MultiValueDict(fields | {name: [value] for name, value in changes.items()})
    return dict(form_class(sent, instance=type(row).objects.filter(pk=row.pk).first()).errors)


def edit(client: Client, row: Model, **changes: Any) -> dict[str, list[str]]:
    """Open the page of a row, change these fields, send."""
    url = url_of("change", row)
    return send(client, url, opened(client, url), **changes)


def act(client: Client, action: str, rows: list[Any], **more: str) -> str:
    """Choose these rows of a list and run the action; the page that follows, as text."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    if "post" not in more:
        data["index"] = "0"
    response = client.post(url_of("changelist", type(rows[0])), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def shown(client: Client, model: type[Model], **query: str) -> list[Any]:
    """The rows of a list, newest first."""
    response = client.get(url_of("changelist", model), query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)
