"""No one asks Celery for results, so no thread has to look for where they are kept."""

from concurrent.futures import ThreadPoolExecutor

from todo_project.celery import app


def test_all_threads_share_the_backend() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: app.backend).result() is app.backend
