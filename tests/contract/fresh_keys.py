"""A hook of schemathesis: its coverage phase has one Idempotency-Key for nearly all it sends.

Every call but the first would be a 422 for that. Each gets a key of its own, as long as the one it had.
"""

import re
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis.generation.meta import TestPhase


@schemathesis.hook
def before_call(context: Any, case: Any, **kwargs: Any) -> None:
    key = (case.headers or {}).get("Idempotency-Key", "")
    if case.meta and case.meta.phase.name is TestPhase.COVERAGE and re.fullmatch("[ -~]{1,255}", str(key)):
        case.headers["Idempotency-Key"] = uuid4().hex.ljust(len(key), "0")
