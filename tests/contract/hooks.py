"""What schemathesis does not find by itself: hooks for each call before it is sent."""

import re
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

KEYS = {
    "p256dh_key": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
    "auth_key": "tBHItJI5svbpez7KI4CCXg",
}


@schemathesis.hook("before_call")
def with_a_key_of_its_own(context: Any, case: Any, **kwargs: Any) -> None:
    """Two phases send an Idempotency-Key again, so that what they take for a new answer is that of before.

    The coverage phase has one for nearly all it sends: all but the first would be a 422. The stateful one
    sends the same call twice: the second answer may name what was deleted since. The new key is as long as
    the old one.
    """
    key = str((case.headers or {}).get("Idempotency-Key", ""))
    if _phase(case) in (TestPhase.COVERAGE, TestPhase.STATEFUL) and re.fullmatch("[ -~]{1,255}", key):
        case.headers["Idempotency-Key"] = uuid4().hex.ljust(len(key), "0")


@schemathesis.hook("before_call")
def with_a_browser(context: Any, case: Any, **kwargs: Any) -> None:
    """A point of a curve is not met by chance, and no link leads on from a subscription that was there."""
    if _phase(case) is not TestPhase.STATEFUL or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.operation.label == "POST /api/push-subscriptions":
        case.body = case.body | KEYS | {"endpoint": f"https://push.example.test/{uuid4()}"}


def _phase(case: Any) -> TestPhase | None:
    return case.meta.phase.name if case.meta else None
