"""A fresh process that answers its first requests in many threads at once.

Prints the statuses that are not 2xx, as JSON, without those of bulks that are too many at once. Arguments: an
access token.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import django

django.setup()

from django.db import connection  # noqa: E402 - the apps come first
from django.test import Client  # noqa: E402

THREADS = 16
TASK = {"title": "é", "tags": ["home"], "due_at": "2030-05-01T09:00:00Z", "recurrence_rule": "daily"}
BULK = {"operations": [{"op": "create", "data": TASK}]}
REFUSED = ("tasks/bulk", 429)
TEMPLATE = {"template_title": "x", "recurrence_pattern": "daily", "starts_at": "2030-05-01T09:00"}
ROUTES = [
    *("schema", "docs", "tasks", "tags", "priorities", "me", "recurring-tasks", "push-subscriptions"),
    *(
        ("tasks", TASK),
        ("recurring-tasks", TEMPLATE),
        ("tasks/bulk", {"operations": [{"op": "create", "data": TASK}]}),
    ),
    ("recurrence/preview", {"rule": "daily", "timezone": "Europe/Berlin", "start": "2030-05-01T09:00"}),
]


def main() -> None:
    barrier = Barrier(THREADS)
    sign_in = {"HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": f"Bearer {sys.argv[1]}"}

    def call(number: int) -> list[tuple[str, int]]:
        client = Client(**sign_in)  # type: ignore[arg-type] # headers
        answered = []
        for turn in range(len(ROUTES)):
            route = ROUTES[(turn + number // 4) % len(ROUTES)]  # four threads begin with each of the first
            barrier.wait()
            path, body = (route, None) if isinstance(route, str) else route
            answer = (
                client.get(f"/api/{path}")
                if body is None
                else client.post(f"/api/{path}", body, content_type="application/json")
            )
            answered.append((path, answer.status_code))
        connection.close()
        return answered

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer for answered in pool.map(call, range(THREADS)) for answer in answered]
    sys.stdout.write(json.dumps([answer for answer in answers if answer[1] >= 300 and answer != REFUSED]))


main()
