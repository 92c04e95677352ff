"""A mail server and a webhook receiver on this machine; the receiver fails in every way a test asks of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Mailbox:
    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[int, list[EmailMessage]]]:
    """A real SMTP server: its port, and the messages that it took."""
    box = _Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield int(controller.port), box.messages
    finally:
        controller.stop()


@dataclass
class Receiver:
    """A webhook receiver: `way` says how it answers, `taken` what it took."""

    port: int = 0
    way: str = "ok"
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


#: Every way in which a receiver can fail to take a notice.
FAILURES = ("500", "404", "redirect", "hang", "close", "garbage", "half")


@contextmanager
def webhook_receiver() -> Iterator[Receiver]:
    """A real HTTP server on this machine."""
    told = Receiver()
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            if told.way == "ok":
                told.taken.append((dict(self.headers), body))
                self.send_response(204)
                self.end_headers()
            elif told.way.isdigit():
                self.send_response(int(told.way))
                self.end_headers()
            elif told.way == "redirect":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
            elif told.way == "hang":
                released.wait(20)
            elif told.way == "garbage":
                self.wfile.write(b"\x00\xff this is not HTTP\r\n\r\n")
            elif told.way == "half":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()
