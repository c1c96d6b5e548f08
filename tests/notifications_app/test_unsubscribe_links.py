"""`/u/{token}`: the link in a mail that stops reminders by email (RFC 8058)."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts_app import erasure
from accounts_app.models import User
from notifications_app.unsubscribing import token_of, unsubscribe_url

http = Client(enforce_csrf_checks=True)
FORM = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--'
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def confirmed(alice: User) -> None:
    alice.email_confirmed, alice.channels = True, ["push", "email"]
    alice.save()


def path_of(user: User) -> str:
    return f"/u/{token_of(user)}"


def gets_mails(user: User) -> bool:
    return User.objects.get(pk=user.pk).email_gets_reminders


def test_the_link_is_absolute(alice: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://todo.example.com"
    assert unsubscribe_url(alice) == f"https://todo.example.com{path_of(alice)}"


def test_a_mail_program_posts_a_form(alice: User, bob: User) -> None:
    response = http.post(path_of(alice), ONE_CLICK)
    assert response.status_code == 200
    assert not gets_mails(alice)
    bob.email_confirmed = True
    bob.save()
    assert gets_mails(bob)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (FORM, "multipart/form-data; boundary=x"),
        (b"", ""),
        (b"{not JSON", "application/json"),
    ],
)
def test_any_body_will_do_and_nothing_redirects(alice: User, body: bytes, content_type: str) -> None:
    response = http.post(path_of(alice), body, content_type=content_type)
    assert (response.status_code, response.has_header("Location")) == (200, False)
    assert not gets_mails(alice)


def test_again_says_the_same(alice: User) -> None:
    pages = [http.post(path_of(alice), ONE_CLICK).content for _ in range(2)]
    assert pages[0] == pages[1] == http.get(path_of(alice)).content
    assert b"No reminders are sent to alice@example.test any more." in pages[0]
    assert b"<button>" not in pages[0]


def test_looking_changes_nothing_and_shows_the_button(alice: User) -> None:
    for look in (http.head, http.get):
        response = look(path_of(alice))
        assert response.status_code == 200
    assert response.content.count(b"<button>Stop these emails</button>") == 1
    assert f'action="{path_of(alice)}"' in response.content.decode()
    assert gets_mails(alice)


def test_a_client_may_prefer_json(alice: User) -> None:
    json = {"Accept": "application/json"}
    assert http.get(path_of(alice), headers=json).json() == {
        "email": "alice@example.test",
        "unsubscribed": False,
    }
    assert http.post(path_of(alice), headers=json).json()["unsubscribed"] is True


def test_choosing_the_channel_again_sends_them_again(alice: User, client_of: object) -> None:
    http.post(path_of(alice), ONE_CLICK)
    fresh = User.objects.get(pk=alice.pk)
    assert client_of(fresh).patch("/api/me", {"channels": ["email"]}).json()["reachable"] is True  # type: ignore[operator]
    assert gets_mails(alice)


@pytest.mark.parametrize("method", ["get", "post"])
class TestALinkThatIsNotValid:
    def test_of_another_user(self, alice: User, bob: User, method: str) -> None:
        token = f"{bob.pk}.{token_of(alice).partition('.')[2]}"
        assert getattr(http, method)(f"/u/{token}").status_code == 404
        assert gets_mails(alice)

    @pytest.mark.parametrize(
        "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.upper(), lambda _: "x"]
    )
    def test_changed(self, alice: User, method: str, change: object) -> None:
        path = f"/u/{change(token_of(alice))}"  # type: ignore[operator]
        assert getattr(http, method)(path).status_code == 404
        assert gets_mails(alice)

    def test_of_another_address(self, alice: User, method: str) -> None:
        path = path_of(alice)
        alice.email = "alice@example.org"
        alice.save()
        assert getattr(http, method)(path).status_code == 404
        assert gets_mails(alice)

    def test_of_a_closed_account(self, alice: User, method: str) -> None:
        path = path_of(alice)
        erasure.close_account(alice)
        assert getattr(http, method)(path).status_code == 404

    def test_of_another_secret(self, alice: User, method: str, settings: Settings) -> None:
        path = path_of(alice)
        settings.SECRET_KEY = "another secret of the same length, or so"
        assert getattr(http, method)(path).status_code == 404
        settings.SECRET_KEY_FALLBACKS = []
        assert gets_mails(alice)


def test_other_methods_are_refused(alice: User) -> None:
    assert http.put(path_of(alice)).status_code == 405


def test_the_token_is_not_logged(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    http.post(path_of(alice), ONE_CLICK)
    assert "POST /u/..." in caplog.text
    assert token_of(alice) not in caplog.text
    assert token_of(alice).partition(".")[2] not in caplog.text


def test_the_answer_is_not_kept_or_framed(alice: User) -> None:
    response = http.get(path_of(alice))
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert response["Access-Control-Allow-Origin"] == "*"
