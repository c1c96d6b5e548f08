"""The page as it is served: what its headers allow, and that everything it names is here."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

WEB_APP = Path(__file__).resolve().parents[2] / "web_app"
SOURCES = sorted(path for path in WEB_APP.rglob("*.*") if path.suffix in {".html", ".js", ".css", ".svg"})
URL = re.compile(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"')]*")


def policy(response: HttpResponse) -> dict[str, list[str]]:
    directives = response.headers["Content-Security-Policy"].split(";")
    return {name: sources for name, *sources in map(str.split, directives)}


@pytest.fixture
def page(client: Client) -> HttpResponse:
    response = client.get("/app/")
    assert response.status_code == 200
    return response


def test_scripts_and_styles_are_its_own_files_only(page: HttpResponse) -> None:
    assert policy(page) == {
        "default-src": ["'none'"],
        **{name: ["'self'"] for name in ("script-src", "style-src", "img-src", "manifest-src", "worker-src")},
        "connect-src": ["'self'", "http://testserver:8001"],
        **{name: ["'none'"] for name in ("base-uri", "form-action", "frame-ancestors")},
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["service-worker"],
    }


def test_the_stream_may_have_a_url_of_its_own(client: Client, settings: Settings) -> None:
    settings.STREAM_URL = "https://live.example.org/api/stream"
    assert policy(client.get("/app/"))["connect-src"] == ["'self'", "https://live.example.org"]


def test_it_is_the_same_for_everyone(page: HttpResponse) -> None:
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert not page.cookies
    assert "Cookie" not in page.headers.get("Vary", "")


def test_there_is_no_inline_script_or_style(page: HttpResponse) -> None:
    html = page.content.decode()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", html) == []
    assert [tag for tag in re.findall(r"<script[^>]*>", html) if " src=" not in tag] == []


def test_each_file_that_it_names_is_here(page: HttpResponse) -> None:
    named = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.content.decode()))
    assert len(named) > 4
    assert [url for url in named if not finders.find(url.removeprefix("/static/"))] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_comes_from_anyone_else(path: Path) -> None:
    allowed = ("http://www.w3.org/2000/svg",)
    text = path.read_text()
    code = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE) if path.suffix == ".js" else text
    assert [url for url in URL.findall(code) if url not in allowed] == []


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.suffix == ".js"], ids=lambda path: path.name
)
def test_no_script_makes_markup_of_text(path: Path) -> None:
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text()) == []
    )


def test_the_service_worker_is_where_its_scope_is(client: Client, settings: Settings) -> None:
    response = client.get("/app/service-worker.js")
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    assert policy(response)["script-src"] == ["'self'"]
    assert policy(response)["connect-src"] == ["'self'", settings.PUBLIC_URL]
    modules = re.findall(r'from "/static/([^"]+)"', response.content.decode())
    assert [bool(finders.find(module)) for module in modules] == [True, True]


@pytest.mark.django_db  # closing an answer closes old connections
def test_the_manifest_makes_it_an_app_of_the_home_screen(client: Client) -> None:
    with closing(client.get("/static/web_app/manifest.webmanifest")) as response:
        assert response.headers["Content-Type"].startswith("application/manifest+json")
        manifest = json.loads(response.getvalue())
    assert (manifest["start_url"], manifest["display"], manifest["id"]) == ("/app/", "standalone", "/app/")
    # A notification of an iPhone opens /r/..., which belongs to the app too.
    assert manifest["scope"] == "/"
    sizes = {icon["sizes"]: finders.find(f"web_app/{icon['src']}") for icon in manifest["icons"]}
    assert {"192x192", "512x512"} <= sizes.keys()
    assert all(sizes.values())


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_only_read(client: Client, method: str) -> None:
    assert getattr(client, method)("/app/").status_code == 405
    assert getattr(client, method)("/app/service-worker.js").status_code == 405


def test_the_path_without_its_slash_leads_there(client: Client) -> None:
    assert client.get("/app").headers["Location"] == "/app/"
