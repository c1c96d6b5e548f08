"""The story of test_clients.py with the client of openapi-generator's python."""

import json
import os
from datetime import UTC, datetime

from openapi_client import (  # type: ignore[import-not-found] # generated
    ApiClient,
    AuthApi,
    Configuration,
    NewTaskRequest,
    PatchedTaskRequest,
    SignInRequest,
    TaskRequest,
    TasksApi,
)
from openapi_client.exceptions import ApiException  # type: ignore[import-not-found]

url = os.environ["API_URL"]
credentials = SignInRequest(email=os.environ["EMAIL"], password=os.environ["PASSWORD"])
access = AuthApi(ApiClient(Configuration(host=url))).auth_token_create(credentials).access
tasks = TasksApi(ApiClient(Configuration(host=url, access_token=access)))

due_at = datetime(2030, 5, 1, 7, tzinfo=UTC)
new = NewTaskRequest(title="Water", due_at=due_at, recurrence_rule="daily", reminder_offsets=[30])
read = tasks.tasks_retrieve(tasks.tasks_create(new).id)


def renamed(title: str) -> TaskRequest:
    fields = {name: getattr(read, name) for name in TaskRequest.model_fields if hasattr(read, name)}
    return TaskRequest(**fields | {"title": title})


def error_of(call):
    try:
        call()
    except ApiException as error:
        return error.status, json.loads(error.body)["errors"][0]["attr"]
    return None, None


matching = f'"{read.version}"'
changed = tasks.tasks_update(read.id, renamed("Water plants"), if_match=matching)
stale, _ = error_of(lambda: tasks.tasks_update(read.id, renamed("Too late"), if_match=matching))
blank = PatchedTaskRequest(title=" ")
_, wrong = error_of(lambda: tasks.tasks_partial_update(read.id, patched_task_request=blank))
found = tasks.tasks_list(q="plants")
done = tasks.tasks_complete_create(read.id)
gone = tasks.tasks_destroy_with_http_info(read.id)
answer = [changed.title, changed.version, stale, wrong, len(found.results), done.completed, gone.status_code]
print(json.dumps(answer))
