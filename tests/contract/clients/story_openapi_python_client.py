"""The story of test_clients.py with the client of openapi-python-client."""

import json
import os
from datetime import UTC, datetime

from to_do_backend_client import AuthenticatedClient, Client  # type: ignore[import-not-found] # generated
from to_do_backend_client.api.auth import auth_token_create  # type: ignore[import-not-found]
from to_do_backend_client.api.tasks import (  # type: ignore[import-not-found]
    tasks_complete_create,
    tasks_create,
    tasks_destroy,
    tasks_list,
    tasks_partial_update,
    tasks_retrieve,
    tasks_update,
)
from to_do_backend_client.models import (  # type: ignore[import-not-found]
    NewTaskRequest,
    PatchedTaskRequest,
    SignInRequest,
    TaskRequest,
)

url = os.environ["API_URL"]
credentials = SignInRequest(email=os.environ["EMAIL"], password=os.environ["PASSWORD"])
access = auth_token_create.sync(client=Client(base_url=url), body=credentials).access
client = AuthenticatedClient(base_url=url, token=access)

due_at = datetime(2030, 5, 1, 7, tzinfo=UTC)
new = NewTaskRequest(title="Water", due_at=due_at, recurrence_rule="daily", reminder_offsets=[30])
created = tasks_create.sync(client=client, body=new)
read = tasks_retrieve.sync(created.id, client=client)


def renamed(title: str) -> TaskRequest:
    return TaskRequest.from_dict(read.to_dict() | {"title": title})


matching = f'"{read.version}"'
changed = tasks_update.sync(read.id, client=client, body=renamed("Water plants"), if_match=matching)
stale = tasks_update.sync_detailed(read.id, client=client, body=renamed("Too late"), if_match=matching)
wrong = tasks_partial_update.sync(read.id, client=client, body=PatchedTaskRequest(title=""))
found = tasks_list.sync(client=client, q="plants")
done = tasks_complete_create.sync(read.id, client=client)
gone = tasks_destroy.sync_detailed(read.id, client=client)
answer = [
    *(changed.title, changed.version, stale.status_code.value, wrong.errors[0].attr),
    *(len(found.results), done.completed, gone.status_code.value),
]
print(json.dumps(answer))
