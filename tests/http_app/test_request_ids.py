import pytest
from django.http import HttpRequest, HttpResponse

from http_app.request_log import RequestLogMiddleware, request_id


def ids(given: str | None) -> tuple[str, str | None]:
    """What the view sees, and what the answer carries."""
    request = HttpRequest()
    if given is not None:
        request.META["HTTP_X_REQUEST_ID"] = given
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request_id(request))
        return HttpResponse()

    answer = RequestLogMiddleware(view)(request)
    return seen[0], answer.headers["X-Request-ID"]


def test_the_callers_id_is_kept() -> None:
    assert ids("order-7.retry_2") == ("order-7.retry_2",) * 2


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\nb", "é", '"', "a/b"])
def test_anything_else_is_replaced_by_a_new_one(given: str | None) -> None:
    seen, answered = ids(given)
    assert seen == answered
    assert len(seen) == 36
    assert ids(given)[0] != seen
