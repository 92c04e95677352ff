"""Sending one notice: through apprise (mail, Teams, Slack …), or to a webhook that can check who sent it.

Addresses and keys come from the environment or from files and are never recorded; an error is told by its type,
since messages of mail and HTTP libraries carry addresses and passwords.
"""

import hashlib
import hmac
import ipaddress
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from auditor.notice_settings import Channel

TIMEOUT: Final = 10.0  # seconds


class ChannelError(ValueError):
    """Why a notice could not be sent, in one sentence without secrets."""


def send(channel: Channel, notice: dict[str, Any], at: datetime) -> None:
    """Send one notice (id, subject, body). Raises ChannelError."""
    if channel.kind == "webhook":
        _post(channel, notice, at)
    else:
        _apprise(channel, notice)


def secret(where: str, what: str) -> str:
    """The value that `env:NAME` or `file:PATH` names. Raises ChannelError where there is none."""
    kind, _, name = where.partition(":")
    try:
        found = os.environ.get(name, "") if kind == "env" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ChannelError(f"The file {name} with the {what} cannot be read.") from None
    if not found.strip():
        raise ChannelError(f"The {what} is missing: {'set ' + name if kind == 'env' else name + ' is empty'}.")
    return found.strip()


def signature(key: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the time and the body: who has the key can tell that both come from here unchanged.

    >>> signature("key", "1700000000", b"{}")[:23]
    'sha256=9d713ed406bb7076'
    """
    made = hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    return "sha256=" + made.hexdigest()


def _post(channel: Channel, notice: dict[str, Any], at: datetime) -> None:
    import httpx

    assert channel.secret is not None  # the settings see to it
    url = secret(channel.address, f"address of {channel.name}")
    key = secret(channel.secret, f"key of {channel.name}")
    if not _private(url):
        raise ChannelError(f"The webhook {channel.name} must be an https address (http only on this machine).")
    body = json.dumps(notice, sort_keys=True, ensure_ascii=True).encode()
    stamp = str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Auditor-Notice": str(notice["id"]),  # the same in every attempt, so that a receiver can tell
        "X-Auditor-Timestamp": stamp,
        "X-Auditor-Signature": signature(key, stamp, body),
    }
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ChannelError(f"The webhook {channel.name} cannot be reached ({type(error).__name__}).") from None
    if not answer.is_success:
        raise ChannelError(f"The webhook {channel.name} answered with status {answer.status_code}.")


def _private(url: str) -> bool:
    """Whether what is sent there can be read by nobody on the way."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    return parts.scheme == "http" and local


def _apprise(channel: Channel, notice: dict[str, Any]) -> None:
    import logging

    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses
    sender = apprise.Apprise()
    if not sender.add(secret(channel.address, f"address of {channel.name}")):
        raise ChannelError(f"The address of {channel.name} is none that apprise knows.")
    try:
        sent = sender.notify(title=notice["subject"], body=notice["body"], body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - a hundred services fail in a hundred ways
        raise ChannelError(f"{channel.name} failed ({type(error).__name__}).") from None
    if not sent:
        raise ChannelError(f"{channel.name} did not take the notice; check its address and its server.")
