"""`auditor serve`: the compliance dashboard."""

import errno
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.console import say, workspace


class AddressError(ValueError):
    """An address at which nothing can be served."""


def add_to(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; other than loopback takes login and TLS.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at.")] = 8765,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Host name under which browsers ask; may be repeated.")
    ] = None,
    no_login: Annotated[
        bool, typer.Option("--no-login", help="Whoever reaches the port is you. Loopback only.")
    ] = False,
    tls_certificate: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    behind_tls: Annotated[bool, typer.Option("--behind-tls", help="A proxy before it speaks TLS.")] = False,
) -> None:
    """Serve the dashboard of the workspace: fleet, alerts, cases, reviews, reports, decisions.

    The first account is made with 'auditor people add NAME --full-name "…" --role admin'.
    """
    place = workspace()
    place.ledger().head()  # a workspace that cannot be used is said now
    said = {
        "AUDITOR_WEB_HOST": host,
        "AUDITOR_WEB_NAMES": ",".join(name or [os.environ.get("AUDITOR_WEB_NAMES", "")]),
        "AUDITOR_WEB_LOGIN": "false" if no_login else "true",
        "AUDITOR_WEB_HTTPS": "true" if behind_tls or tls_certificate else "false",
    }
    os.environ.update(said)
    run(host, port, tls_certificate, tls_key)


def serve_demo(path: Path, port: int) -> None:
    """The dashboard on the workspace of a demo, for whoever sits here."""
    for name in ("AUDITOR_LEDGER", "AUDITOR_LAKE", "AUDITOR_KEY_FILE"):
        os.environ.pop(name, None)  # the stores of a demo are its own
    os.environ.update({"AUDITOR_WORKSPACE": str(path), "AUDITOR_WEB_LOGIN": "false"})
    run("127.0.0.1", port)


def run(host: str, port: int, certificate: Path | None = None, key: Path | None = None) -> None:
    """Start the web application by its import string, so that nothing here depends on it."""
    import uvicorn

    application = uvicorn.importer.import_from_string("dashboards.app:from_environment")()
    _refuse_what_is_taken(host, port)
    say(f"http{'s' if certificate else ''}://{host}:{port} (Ctrl-C ends it)")
    uvicorn.run(
        application,
        host=host,
        port=port,
        log_level="warning",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        http="h11",  # the other parser takes headers without end
        h11_max_incomplete_event_size=64 * 1024,
        ws="none",
    )


def _refuse_what_is_taken(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "is taken by another program" if error.errno == errno.EADDRINUSE else "cannot be listened at"
        raise AddressError(f"{host} port {port} {reason}; name another with --host or --port.") from None
