"""Local HTTP servers that speak a provider's protocol and say what a script says.

A script gets the conversation as the request shows it and returns what to answer.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SIGNATURE = "c2lnbmF0dXJlIG9mIGEgdGhvdWdodA=="


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)


@dataclass(frozen=True)
class Say:
    """An answer: text in pieces, calls, and how it goes wrong (`fault`).

    Faults: an HTTP status as text, `hang` (no answer), `stall` (begins and stops), `half` (ends without a
    finish reason), `drop` (the connection ends), `garbage`, `empty`, `length`, `filter`.
    """

    text: str = ""
    calls: Sequence[Call] = ()
    fault: str = ""


@dataclass(frozen=True)
class Seen:
    """A request: the lines as (role, text), the names of tools, the calls answered, the whole body."""

    lines: list[tuple[str, str]]
    tools: list[str]
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def results(self) -> list[str]:
        """The results of tools since the user's last message."""
        last = max((i for i, (role, _text) in enumerate(self.lines) if role == "user"), default=-1)
        return [text for role, text in self.lines[last + 1 :] if role == "tool"]

    @property
    def asked(self) -> str:
        return [text for role, text in self.lines if role == "user"][-1]


Script = Callable[[Seen], Say]


class ProviderServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, protocol: "type[_Handler]", script: Script) -> None:
        super().__init__(("127.0.0.1", 0), protocol)
        self.script = script
        self.seen: list[Seen] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ProviderServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = Seen(self.lines(body), self.tools(body), body, dict(self.headers))
        self.server.seen.append(seen)
        say = self.server.script(seen)
        if say.fault.isdigit():
            self._fail(int(say.fault))
        elif say.fault == "hang":
            self.server.released.wait(300)
            self.close_connection = True
        else:
            self._stream(say)

    def _fail(self, status: int) -> None:
        text = json.dumps(self.failure(status)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, say: Say) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if say.fault == "garbage":
            self.wfile.write(b"data: {this is no JSON\n\n<html>\n\n")
            return
        if say.fault == "empty":
            return
        for chunk in self.chunks(say):
            text = chunk if isinstance(chunk, str) else json.dumps(chunk)
            self.wfile.write(f"{self.prefix(chunk)}data: {text}\n\n".encode())
            self.wfile.flush()
        if say.fault == "stall":
            self.server.released.wait(300)
        if say.fault == "drop":
            self.wfile.write(b'data: {"cho')

    def prefix(self, chunk: Any) -> str:
        """What stands before the data of an event."""
        return ""

    def lines(self, body: dict[str, Any]) -> list[tuple[str, str]]:
        raise NotImplementedError

    def tools(self, body: dict[str, Any]) -> list[str]:
        raise NotImplementedError

    def failure(self, status: int) -> dict[str, Any]:
        raise NotImplementedError

    def chunks(self, say: Say) -> Iterator[Any]:
        raise NotImplementedError


def _pieces(text: str) -> list[str]:
    """Of some characters each, so that there are several."""
    return [text[at : at + 12] for at in range(0, len(text), 12)]


class _OpenAI(_Handler):
    def lines(self, body: dict[str, Any]) -> list[tuple[str, str]]:
        return [(line["role"], str(line.get("content") or "")) for line in body["messages"]]

    def tools(self, body: dict[str, Any]) -> list[str]:
        return [tool["function"]["name"] for tool in body.get("tools", [])]

    def failure(self, status: int) -> dict[str, Any]:
        return {"error": {"message": "It says sk-secret", "type": "some_error", "code": None}}

    def chunks(self, say: Say) -> Iterator[Any]:
        def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
            return {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": "scripted",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }

        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(say.text):
            yield chunk({"content": piece})
        for index, call in enumerate(say.calls):
            text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
            # The same ids in each answer, as some servers have them.
            head = {"index": index, "id": f"call_{index}", "type": "function"}
            yield chunk({"tool_calls": [{**head, "function": {"name": call.name, "arguments": ""}}]})
            for piece in _pieces(text):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        if say.fault in ("half", "drop", "stall"):
            return
        finish = {"length": "length", "filter": "content_filter"}.get(say.fault)
        yield chunk({}, finish or ("tool_calls" if say.calls else "stop"))
        usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
        yield {**chunk({}), "choices": [], "usage": usage}
        yield "[DONE]"


class _Gemini(_Handler):
    def lines(self, body: dict[str, Any]) -> list[tuple[str, str]]:
        found = []
        for content in body["contents"]:
            for part in content["parts"]:
                if "functionResponse" in part:
                    found.append(("tool", json.dumps(part["functionResponse"]["response"])))
                elif "text" in part:
                    role = "user" if content["role"] == "user" else "assistant"
                    found.append((role, part["text"]))
        return found

    def tools(self, body: dict[str, Any]) -> list[str]:
        return [each["name"] for tool in body.get("tools", []) for each in tool["functionDeclarations"]]

    def failure(self, status: int) -> dict[str, Any]:
        return {"error": {"code": status, "message": "It says AIza-secret", "status": "SOME_ERROR"}}

    def chunks(self, say: Say) -> Iterator[Any]:
        def chunk(parts: list[dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
            candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
            if finish:
                candidate["finishReason"] = finish
            usage = {"promptTokenCount": 90, "candidatesTokenCount": 10, "totalTokenCount": 100}
            answer = {"candidates": [candidate], "usageMetadata": usage}
            return {**answer, "modelVersion": "scripted", "responseId": "one"}

        for piece in _pieces(say.text):
            yield chunk([{"text": piece}])
        for call in say.calls:
            yield chunk(
                [
                    {
                        "functionCall": {"name": call.name, "args": call.arguments},
                        "thoughtSignature": SIGNATURE,
                    }
                ]
            )
        if say.fault in ("half", "drop", "stall"):
            return
        yield chunk([{"text": ""}], {"length": "MAX_TOKENS", "filter": "SAFETY"}.get(say.fault, "STOP"))


class _Anthropic(_Handler):
    """Source: Anthropic's Messages API, its streaming events."""

    def prefix(self, chunk: Any) -> str:
        return f"event: {chunk['type']}\n"

    def lines(self, body: dict[str, Any]) -> list[tuple[str, str]]:
        found = []
        for message in body["messages"]:
            content = message["content"]
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                if part["type"] == "tool_result":
                    found.append(("tool", json.dumps(part["content"])))
                elif part["type"] == "text":
                    found.append((message["role"], part["text"]))
        return found

    def tools(self, body: dict[str, Any]) -> list[str]:
        return [tool["name"] for tool in body.get("tools", [])]

    def failure(self, status: int) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "some_error", "message": "It says sk-ant-secret"}}

    def chunks(self, say: Say) -> Iterator[Any]:
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": []}
        usage = {"input_tokens": 90, "output_tokens": 1}
        start = {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}
        yield {"type": "message_start", "message": start}
        if say.text:
            yield from self._block(0, {"type": "text", "text": ""}, "text_delta", "text", say.text)
        for index, call in enumerate(say.calls, start=1):
            text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
            block = {"type": "tool_use", "id": f"toolu_{index}", "name": call.name, "input": {}}
            yield from self._block(index, block, "input_json_delta", "partial_json", text)
        if say.fault in ("half", "drop", "stall"):
            return
        reason = {"length": "max_tokens", "filter": "refusal"}.get(say.fault)
        delta = {"stop_reason": reason or ("tool_use" if say.calls else "end_turn"), "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 10}}
        yield {"type": "message_stop"}

    def _block(self, index: int, block: dict[str, Any], kind: str, name: str, text: str) -> Iterator[Any]:
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for piece in _pieces(text):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: piece}}
        yield {"type": "content_block_stop", "index": index}


PROTOCOLS: dict[str, Any] = {
    "openai": _OpenAI,
    "ollama": _OpenAI,
    "google": _Gemini,
    "anthropic": _Anthropic,
}


@contextmanager
def provider_server(protocol: str, script: Script) -> Iterator[ProviderServer]:
    """A server until the end of the block."""
    server = ProviderServer(PROTOCOLS[protocol], script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def settings_of(protocol: str, url: str) -> dict[str, str]:
    """The settings, and the environment, that lead the assistant to this server."""
    if protocol == "google":
        return {"ASSISTANT_MODEL": "google:scripted", "GEMINI_API_KEY": "AIza-key", "GEMINI_BASE_URL": url}
    if protocol == "ollama":
        return {"ASSISTANT_MODEL": "ollama:scripted", "OLLAMA_BASE_URL": f"{url}/v1"}
    if protocol == "anthropic":
        return {
            "ASSISTANT_MODEL": "anthropic:scripted",
            "ANTHROPIC_API_KEY": "sk-ant-key",
            "ANTHROPIC_BASE_URL": url,
        }
    return {
        "ASSISTANT_MODEL": "openai:scripted",
        "OPENAI_API_KEY": "sk-key",
        "OPENAI_BASE_URL": f"{url}/v1",
    }
