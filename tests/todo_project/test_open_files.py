"""A process that accepts thousands of connections may open as many files as the system lets it."""

import resource

import pytest

from todo_project.open_files import WANTED, allow_many_files

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to"),
    [
        (256, 1_000_000, WANTED),
        (256, INFINITE, WANTED),
        (256, 4096, 4096),
        (256, 256, None),
        (20_000, 1_000_000, None),
        (INFINITE, INFINITE, None),
    ],
)
def test_the_soft_limit_is_raised(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised_to: int | None
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limit: limits.append(limit))
    allow_many_files()
    assert limits == ([] if raised_to is None else [(raised_to, hard)])
