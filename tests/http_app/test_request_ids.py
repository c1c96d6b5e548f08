import pytest
from django.http import HttpRequest, HttpResponse

from http_app.request_log import RequestIdMiddleware, request_id


def ids(given: str | None) -> tuple[str, str, str | None]:
    """What the view sees, in META and in headers, and what the answer carries."""
    request = HttpRequest()
    if given is not None:
        request.META["HTTP_X_REQUEST_ID"] = given
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.extend([request_id(request), request.headers["X-Request-ID"]])
        return HttpResponse()

    answer = RequestIdMiddleware(view)(request)
    return seen[0], seen[1], answer.headers["X-Request-ID"]


def test_the_callers_id_is_kept() -> None:
    assert ids("order-7.retry_2") == ("order-7.retry_2",) * 3


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\nb", "é", '"', "a/b"])
def test_anything_else_is_replaced_by_a_new_one(given: str | None) -> None:
    seen, header, answered = ids(given)
    assert seen == header == answered
    assert len(seen) == 36
    assert ids(given)[0] != seen
