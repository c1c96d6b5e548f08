"""The state of the backend, for the admin's first page."""

from django import template

from todo_project import operator_state as module
from todo_project.operator_state import Fact

register = template.Library()


@register.simple_tag
def operator_state() -> list[Fact]:
    return module.operator_state()
