"""Errors of services, and of the types of arguments, as errors of a tool: by argument, in the API's words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from django.db import Error as DatabaseError
from pydantic import ValidationError as ArgumentsError
from rest_framework.exceptions import APIException

from chat_app.tools.tool import Problem, ToolError
from http_app.error_answers import ExceptionHandler, error_body
from http_app.errors import Conflict
from recurrence.rules import RuleError

# `operations.3.data.title` of a bulk: the argument is the last part.
_PLACE = re.compile(r"operations\.(?P<index>\d+)\.(?:data\.)?(?P<field>.+)")


@contextmanager
def refusals(
    operations: Sequence[Mapping[str, Any]] = (), renamed: Mapping[str, str] = MappingProxyType({})
) -> Iterator[None]:
    """Raise ToolError for what a service refuses.

    `operations`, of a bulk, say which task it is about; `renamed` are the arguments of other names than the
    service's fields.
    What goes away by itself (503) is raised as it is: the call is right, and may be made again.
    """
    try:
        yield
    except RuleError as error:
        detail = f"The recurrence_rule of the task has to be replaced. {error}"
        raise ToolError.of(error.code, detail, "recurrence_rule") from error
    except APIException as error:
        if error.status_code >= 500:
            raise
        problems = [_of_service(one, operations) for one in error_body(error)["errors"]]
        named = [replace(one, field=renamed.get(one.field or "", one.field)) for one in problems]
        raise ToolError(named) from error


def refuse_arguments(error: ArgumentsError, known: Sequence[str]) -> ToolError:
    """What is wrong with the arguments of a call."""
    return ToolError([_problem(one, known) for one in error.errors(include_url=False, include_context=False)])


def _problem(error: Any, known: Sequence[str]) -> Problem:
    field = ".".join(map(str, error["loc"])) or None
    if error["type"] == "extra_forbidden":
        right = f"Allowed: {', '.join(known)}." if known and len(error["loc"]) == 1 else "Remove it."
        return Problem("unknown_field", field, f"Unknown argument. {right}")
    if error["type"] == "missing":
        return Problem("required", field, "This argument is required.")
    return Problem("invalid", field, f"{error['msg']}.")


def conflict(error: DatabaseError) -> Exception:
    """ToolError if another writer was faster; any other error of the database as it is."""
    nowhere: Any = {"request": None, "view": None, "args": (), "kwargs": {}}
    known = ExceptionHandler(error, nowhere).convert_known_exceptions(error)
    return ToolError.of(known.default_code, str(known.detail)) if isinstance(known, Conflict) else error


def _of_service(error: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> Problem:
    place = _PLACE.fullmatch(error["attr"] or "")
    if place is None:
        return Problem(error["code"], error["attr"], error["detail"])
    task = operations[int(place["index"])].get("id")
    named = f"Task {task}: " if task and len(operations) > 1 else ""
    field = "task_ids" if place["field"] == "id" else place["field"]
    if place["field"] == "id" and error["code"] == "not_found":
        return Problem("not_found", field, f"You have no task {task}. Find the right id with list_tasks.")
    return Problem(error["code"], field, f"{named}{error['detail']}")
