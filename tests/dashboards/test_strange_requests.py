"""What somebody without an account can send: half addresses, bodies and headers without end, doubtful requests."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from auditor.cli import serve
from auditor.signing import people
from auditor.store import tables as t
from dashboards.place import Place
from dashboards.security import Protected
from tests.dashboards.conftest import AsRole

ALL_OF_A_FILE = 40  # pieces in which a file is sent


def test_how_long_a_refusal_takes_does_not_tell_which_accounts_there_are(
    client: TestClient, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password is hashed whether there is an account, and whether it is open, closed or locked."""
    from pwdlib import PasswordHash

    hashed: list[str] = []
    real_hash, real_verify = PasswordHash.hash, PasswordHash.verify

    def hash_(self: PasswordHash, *given: Any) -> Any:
        hashed.append("hash")
        return real_hash(self, *given)

    def verify(self: PasswordHash, *given: Any) -> Any:
        hashed.append("verify")
        return real_verify(self, *given)

    people.change(place.ledger, "viewer", "test", place.clock(), active=False)
    with place.ledger.transaction("test", place.clock()) as tx:
        tx.update(t.users, "engineer", {"failures": people.LOCKED_AFTER})
    monkeypatch.setattr(PasswordHash, "hash", hash_)
    monkeypatch.setattr(PasswordHash, "verify", verify)
    for name in ("viewer", "engineer", "nobody", "committee", "nul\x00"):
        hashed.clear()
        assert client.post("/login", data={"name": name, "password": "wrong horse battery"}).status_code == 401
        assert len(hashed) == 1, name


def test_a_file_is_not_read_before_its_sender_is_known(client: TestClient, as_role: AsRole) -> None:
    def sent(browser: TestClient) -> tuple[int, int]:
        taken = 0

        def parts() -> Iterator[bytes]:
            nonlocal taken
            yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
            while taken < ALL_OF_A_FILE:
                taken += 1
                yield b"x" * (64 << 10)
            yield b"\r\n--x--\r\n"

        headers = {"content-type": "multipart/form-data; boundary=x"}
        said = browser.post("/start/records", content=parts(), headers=headers)
        return said.status_code, taken

    assert sent(client) == (303, 0)
    assert sent(as_role("viewer")) == (403, 0)
    assert sent(as_role("engineer")) == (400, ALL_OF_A_FILE)


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("GET", "/login?next=//[", {}, 200),
        ("POST", "/login", {"origin": "http://["}, 403),
        ("POST", "/logout", {"referer": "http://["}, 303),
        ("POST", "/login", {"content-length": "²"}, 413),
        ("GET", "/healthz", {"host": "localhost:80@evil.example"}, 421),
        ("GET", "/healthz", {"host": "[::1]evil.example"}, 421),
        ("GET", "/healthz", {"host": "localhost/x"}, 421),
        ("GET", "//evil.example/%2e%2e", {}, 404),
    ],
)
def test_broken_addresses_are_refused_and_break_nothing(
    client: TestClient, method: str, path: str, headers: dict[str, str], code: int
) -> None:
    coded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert client.request(method, path, headers=coded).status_code == code  # type: ignore[arg-type]


def test_nothing_speaks_through_websockets(client: TestClient) -> None:
    for path in ("/alerts", "/static/app.css", "/"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(path):
            pass


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server with the settings of `auditor serve`, of an application that does nothing."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **more: told.update(more, app=_QUIET))
    monkeypatch.setattr("uvicorn.importer.import_from_string", lambda _: lambda: _QUIET)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    serve.run("127.0.0.1", free)
    server = uvicorn.Server(uvicorn.Config(**told, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield free
    server.should_exit = True
    thread.join(10)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})


_QUIET = Protected(_nothing, ["localhost"], https=False, with_files=())
LOCAL = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        (LOCAL + b"\r\n", True),
        (LOCAL + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n", False),
        (LOCAL + b"X: a\r\n" * 50_000 + b"\r\n", False),
        (LOCAL + b"Host: evil.example\r\n\r\n", False),
        (LOCAL + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", False),
        (LOCAL + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LOCAL + b"\r\n", False),
        (LOCAL + b"Transfer-Encoding: xchunked\r\n\r\n", False),
    ],
    ids=[
        "plain",
        "long header",
        "many headers",
        "two hosts",
        "two lengths",
        "length and coding",
        "unknown coding",
    ],
)
def test_the_server_takes_no_header_without_end_and_no_request_that_can_be_read_twice(
    port: int, request_: bytes, answered: bool
) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.settimeout(2)
        said = b""
        try:
            stream.sendall(request_)
            while piece := stream.recv(65_536):
                said += piece
        except (ConnectionError, TimeoutError):
            pass  # what was said until then
    assert (b"answered" in said or b"200 OK" in said) is answered
