"""`auditor serve` in a process of its own: it starts, answers, refuses what is not safe, and ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.auditor.conftest import Run
from tests.auditor.small_hospital import Site


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(site: Site) -> dict[str, str]:
    told = {"AUDITOR_WORKSPACE": str(site.workspace.path), "AUDITOR_KEY_FILE": str(site.workspace.key_file)}
    return {**os.environ, **told}


@pytest.fixture
def served(site: Site) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    port = free_port()
    command = [sys.executable, "-m", "auditor", "serve", "--no-login", "--port", str(port)]
    process = subprocess.Popen(command, env=environment(site), stderr=subprocess.PIPE)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{url}/healthz")
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
    yield url, process
    process.kill()
    process.communicate()


def test_it_serves_the_workspace_and_ends_when_told(served: tuple[str, "subprocess.Popen[bytes]"]) -> None:
    url, process = served
    page = httpx.get(url)
    assert page.status_code == 200
    assert "Drafts of a small hospital" in page.text
    assert "server" not in page.headers, "nobody is told what it runs on"
    assert httpx.get(url, headers={"host": "evil.example"}).status_code == 421
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0 or process.returncode == -signal.SIGTERM
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--host", "0.0.0.0", "--no-login"), "leave --no-login out"),
        (("--host", "0.0.0.0"), "AUDITOR_SECRET_KEY_FILE"),
        (("--host", "192.0.2.1", "--behind-tls"), "AUDITOR_SECRET_KEY_FILE"),
    ],
)
def test_it_refuses_to_be_reached_unprotected(
    run: Run, site: Site, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    for name, value in environment(site).items():
        monkeypatch.setenv(name, value)
    for name in ("AUDITOR_SECRET_KEY", "AUDITOR_SECRET_KEY_FILE", "AUDITOR_WEB_NAMES", "AUDITOR_WEB_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    code, _, said = run("serve", *words)
    assert code == 2
    assert sentence in said.replace("\n", " ")


def test_a_port_that_is_taken_is_said(run: Run, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(site).items():
        monkeypatch.setenv(name, value)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, said = run("serve", "--no-login", "--port", str(port))
    assert (code, f"127.0.0.1 port {port} is taken by another program" in said.replace("\n", " ")) == (2, True)


def test_without_a_workspace_it_says_what_to_do(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(tmp_path / "none"))
    code, _, said = run("serve")
    assert (code, "auditor init" in said) == (2, True)
