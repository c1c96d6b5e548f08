"""Strict query parameters: each is known, used by this request, sent once and not empty."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters.filters import BooleanFilter as BaseBooleanFilter
from django_filters.filters import MultipleChoiceFilter
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from django_filters.utils import translate_validation
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from http_app import pagination


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc] # untyped library
    """Filters lists by the view's `filterset_class`, and refuses every parameter that would have no effect.

    Known are the filterset's, `cursor`, `page_size` and `ordering` where the view has pages, and what the
    view names in `extra_query_params` (see `extra_parameters`). Only lists are filtered: an archived task
    can be read by its id although lists leave it out.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if not is_list(view, request):
            return queryset
        filterset = self.get_filterset(request, queryset, view)
        filterset_class = self.get_filterset_class(view, queryset)
        named = filterset_class.base_filters if filterset_class else {}
        paging = pagination.PARAMETERS if view.paginator else ()
        refuse_parameters(
            request,
            known={*named, *paging, *extra_parameters(view, request)},
            repeatable={name for name, known in named.items() if isinstance(known, MultipleChoiceFilter)},
        )
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)
        filtered: QuerySet[Any] = filterset.qs
        return filtered


class NamedFilterSet(FilterSet):  # type: ignore[misc] # untyped library
    """Creates only the filters that the request names: creating all of them is a third of a list's time."""

    base_filters: dict[str, Any]

    def __init__(self, data: Any = None, *args: Any, **options: Any) -> None:
        every = self.base_filters
        self.base_filters = {name: every[name] for name in every if name in (data or {})}
        super().__init__(data, *args, **options)


class _TrueOrFalseField(forms.TypedChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            choices=[("true", "true"), ("false", "false")],
            coerce=lambda text: text == "true",
            empty_value=None,
            error_messages={"invalid_choice": "Write true or false."},
            **options,
        )


class BooleanFilter(BaseBooleanFilter):  # type: ignore[misc] # untyped library
    """`true` or `false`; django-filter's own treats any other value as "no filter"."""

    field_class = _TrueOrFalseField


def true_or_false(request: Request, name: str) -> bool:
    """A parameter that a view reads itself; false when not given. Raises ValidationError (400)."""
    value = request.query_params.get(name, "false")
    if value not in ("true", "false"):
        raise ValidationError({name: ["Write true or false."]})
    return value == "true"


def is_list(view: Any, request: Request) -> bool:
    """Whether this request reads a list."""
    action = getattr(view, "action", None)
    listing = action == "list" if action else isinstance(view, ListModelMixin)
    return listing and request.method in ("GET", "HEAD")


def extra_parameters(view: Any, request: Request) -> Collection[str]:
    """What the view's `extra_query_params` names for this request.

    A mapping of the action (`list`, `destroy` ...; without viewset the method: `get`, `post` ...) to names.
    """
    action = getattr(view, "action", None) or (request.method or "").lower()
    names: Collection[str] = getattr(view, "extra_query_params", {}).get(action, ())
    return names


def refuse_parameters(request: Request, *, known: Collection[str], repeatable: Collection[str] = ()) -> None:
    """Raise ValidationError (400) naming each query parameter that is unknown, empty or repeated."""
    given = request.query_params.lists()
    problems = {name: _problem(name, values, known, repeatable) for name, values in given}
    wrong = {name: [problem] for name, problem in problems.items() if problem}
    if wrong:
        raise ValidationError(wrong)


def _problem(
    name: str, values: list[Any], known: Collection[str], repeatable: Collection[str]
) -> ErrorDetail | None:
    if name not in known:
        right = f"Allowed: {', '.join(sorted(known))}." if known else "This request has none."
        return ErrorDetail(f"Unknown parameter. {right}", "unknown_parameter")
    if len(values) > 1 and name not in repeatable:
        return ErrorDetail("Send this parameter only once.", "repeated_parameter")
    if "" in values:
        return ErrorDetail("This parameter is empty. Give it a value or remove it.", "empty_parameter")
    return None
