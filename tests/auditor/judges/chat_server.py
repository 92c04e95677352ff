"""A real HTTP server that speaks chat completions, and does whatever wrong thing a test asks of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from auditor.model_settings import LlmSetting

KEY = "sk-quokka-0123456789"


@dataclass(frozen=True)
class Say:
    """One response; `cut` closes the connection after so many bytes of it, `drip` waits between bytes."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0.0
    after: float = 0.0  # seconds before anything is said


def completion(content: str | None, finish: str = "stop", **message: Any) -> Say:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    return Say(json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode())


def answer(value: Any) -> Say:
    return completion(json.dumps(value))


#: What the server says to a question (the parsed JSON of the user's message), the n-th request of all.
Script = Callable[[dict[str, Any], int], Say]


@dataclass
class ChatServer:
    """A running server: its address, and every request it was sent."""

    url: str
    script: Script
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def setting(self, **more: Any) -> LlmSetting:
        return LlmSetting.model_validate({"base_url": self.url, "model": "reader-7b", "timeout": 10.0} | more)

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [json.loads(request["messages"][1]["content"]) for request in self.requests]


def _question(body: dict[str, Any]) -> dict[str, Any]:
    """What a judge asks is JSON in the second message; what a replay asks is the one message itself."""
    messages = body["messages"]
    question: dict[str, Any] = json.loads(messages[1]["content"]) if len(messages) > 1 else messages[0]
    return question


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.chat.lock:
            self.chat.requests.append(body)
            self.chat.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.chat.paths.append(self.path)
            number = len(self.chat.requests)
        said = self.chat.script(_question(body), number)
        time.sleep(said.after)
        try:
            self._send(said)
        except OSError:
            self.close_connection = True  # the client has gone: it had heard enough

    def _send(self, said: Say) -> None:
        if said.cut == 0:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, value in ({"Content-Length": str(len(said.body))} | said.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if said.drip:
            for byte in said.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(said.drip)
        else:
            self.wfile.write(said.body if said.cut is None else said.body[: said.cut])
        if said.cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed in a test."""


@contextmanager
def running(script: Script) -> Iterator[ChatServer]:
    """A server on a free port of this machine, stopped at the end."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    chat = ChatServer(f"http://127.0.0.1:{server.server_port}/v1", script)
    handler.chat = chat  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
