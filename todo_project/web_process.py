"""The bridge of the process that answers requests, which sets its own limits when it begins to serve."""

from asyncio import AbstractEventLoop

from http_app.bridge.bridge import Bridge
from http_app.session_limits import limit_sessions
from todo_project.open_files import allow_many_files


class WebBridge(Bridge):
    """Not at the import: `./todo up` imports the application once, for forks with limits of their own."""

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        allow_many_files()
        # A request is short, and threads are few: none waits long for a lock or a plan that went wrong.
        limit_sessions(statement_timeout=15, lock_timeout=5, idle_in_transaction_session_timeout=30)
        super().__rsgi_init__(loop)
