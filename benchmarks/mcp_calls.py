"""Clients of MCP in a process of their own."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CALLS_AT_ONCE = 4  # as many as one user may have


def call_until(port: int, tokens: list[str], stop: Path) -> tuple[int, int]:
    """Call a tool, CALLS_AT_ONCE at a time for each token, until there is the file; (answered, refused)."""
    if not tokens:
        return 0, 0
    with ThreadPoolExecutor(len(tokens) * CALLS_AT_ONCE) as threads:
        made = list(threads.map(lambda token: _calls(port, token, stop), tokens * CALLS_AT_ONCE))
    return sum(done for done, _ in made), sum(refused for _, refused in made)


def _calls(port: int, token: str, stop: Path) -> tuple[int, int]:
    params = {"name": "list_tasks", "arguments": {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "Host": f"localhost:{port}",
    }
    client, done, refused = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0, 0
    while not stop.exists():
        client.request("POST", "/mcp", body, headers)
        answer = client.getresponse()
        answered = json.loads(answer.read())
        if answer.status == 200 and not answered["result"]["isError"]:
            done += 1
        else:
            refused += 1
            time.sleep(0.05)
    return done, refused
