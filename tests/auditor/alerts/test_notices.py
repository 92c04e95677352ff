"""Notices: to a real mail server and a receiver that fails in every way; at least once, never with a patient."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.alerts import channels
from auditor.alerts.channels import ChannelError, send
from auditor.alerts.deliver import deliver, tend
from auditor.notice_settings import Channel
from auditor.settings import SettingsError, parse_settings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from tests.auditor import small_hospital as small
from tests.auditor.alerts.conftest import LEAD, MONDAY, configure, report
from tests.auditor.alerts.receivers import FAILURES, Receiver, free_port, mail_server, webhook_receiver

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEY = "a key that both sides know"
HOOK = "{name: siem, kind: webhook, address: 'env:TEST_HOOK', secret: 'env:TEST_HOOK_KEY'}"
MAIL = "{name: physicist, address: 'env:TEST_MAIL'}"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    with webhook_receiver() as receiver:
        monkeypatch.setenv("TEST_HOOK", receiver.url)
        monkeypatch.setenv("TEST_HOOK_KEY", KEY)
        monkeypatch.setattr(channels, "TIMEOUT", 0.3)
        yield receiver


def notices(ledger: Ledger) -> list[dict[str, Any]]:
    return [dict(row) for row in ledger.read(sa.select(t.notices).order_by(t.notices.c.id))]


def test_a_notice_reaches_a_real_mail_server(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(ledger, f"notices: {{dashboard: 'https://auditor.example.org/', channels: [{MAIL}]}}")
    with mail_server() as (port, messages):
        address = f"mailto://127.0.0.1:{port}/?from=auditor@example.org&to=physicist@example.org&mode=insecure"
        monkeypatch.setenv("TEST_MAIL", address)
        report(ledger, MONDAY)
        assert deliver(ledger, "clock", MONDAY) == (1, 0)
    (message,) = messages
    assert message["Subject"] == "[drafts] ACT opened: contradicted reports"
    assert message["To"] == "physicist@example.org"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip().splitlines() == [
        "contradicted reports (act), drafts",
        "5 % lies beyond 3 %.",
        "Open since 2026-03-02; to be acknowledged by 2026-03-03 09:00 UTC.",
        "https://auditor.example.org/alerts/drafts-1",
    ]
    assert deliver(ledger, "clock", MONDAY + DAY) == (0, 0), "sent once"


def test_a_webhook_can_check_who_sent_it(ledger: Ledger, hook: Receiver) -> None:
    configure(ledger, f"notices: {{channels: [{HOOK}]}}")
    report(ledger, MONDAY)
    assert deliver(ledger, "clock", MONDAY) == (1, 0)
    ((headers, body),) = hook.taken
    stamp = headers["X-Auditor-Timestamp"]
    assert stamp == str(int(MONDAY.timestamp()))
    made = hmac.new(KEY.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Auditor-Signature"] == f"sha256={made}"
    told = json.loads(body)
    assert (told["system"], told["alert"], told["kind"]) == ("drafts", "drafts-1", "alert")
    assert headers["X-Auditor-Notice"] == str(told["id"])


@pytest.mark.parametrize("way", FAILURES)
def test_a_receiver_that_fails_gets_it_later_and_a_dead_one_becomes_an_alert(
    ledger: Ledger, hook: Receiver, way: str
) -> None:
    configure(ledger, f"notices: {{channels: [{HOOK}]}}")
    hook.way = way
    report(ledger, MONDAY)
    assert deliver(ledger, "clock", MONDAY) == (0, 1)
    assert deliver(ledger, "clock", MONDAY) == (0, 0), "not before its pause is over"
    deliver(ledger, "clock", MONDAY + 2 * timedelta(minutes=1))
    deliver(ledger, "clock", MONDAY + 5 * timedelta(minutes=1))
    alerts = {row["root"]: row for row in ledger.read(sa.select(t.alerts))}
    dead = alerts["channel/siem"]
    assert (dead["severity"], dead["measure"], dead["item"]) == ("failed", "notices", "siem")
    for secret in (KEY, hook.url, str(hook.port)):
        assert secret not in dead["reason"]
        assert all(secret not in (one["last_error"] or "") for one in notices(ledger))
    assert [one["alert"] for one in notices(ledger)] == ["drafts-1"], "a dead channel is not told of itself"
    hook.way = "ok"
    assert deliver(ledger, "clock", MONDAY + DAY) == (1, 0)
    assert [one["status"] for one in notices(ledger)] == ["sent"]
    assert len(hook.taken) == 1


def test_other_channels_are_told_of_the_dead_one(
    ledger: Ledger, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MAIL", f"mailto://127.0.0.1:{free_port()}/?from=a@example.org&to=b@example.org")
    configure(ledger, f"notices: {{channels: [{HOOK}, {MAIL}]}}")
    report(ledger, MONDAY)
    for minutes in (0, 2, 5):
        deliver(ledger, "clock", MONDAY + minutes * timedelta(minutes=1))
    deliver(ledger, "clock", MONDAY + HOUR)
    told = [json.loads(body)["subject"] for _, body in hook.taken]
    assert told == ["[drafts] ACT opened: contradicted reports", "[drafts] FAILED opened: notices physicist"]


def test_what_cannot_be_sent_for_three_days_is_given_up_and_said(ledger: Ledger, hook: Receiver) -> None:
    configure(ledger, f"notices: {{channels: [{HOOK}]}}")
    hook.way = "500"
    report(ledger, MONDAY)
    at = MONDAY
    while notices(ledger)[0]["status"] == "pending":
        deliver(ledger, "clock", at)
        at += HOUR
        assert at < MONDAY + 5 * DAY
    assert notices(ledger)[0]["status"] == "given up"
    said = ledger.read(sa.select(t.alert_events).where(t.alert_events.c.event == "notice given up"))
    assert [row["alert"] for row in said] == ["drafts-1"]


def test_what_is_to_watch_waits_for_the_digest_and_an_empty_one_is_not_sent(
    ledger: Ledger, hook: Receiver
) -> None:
    configure(ledger, f"timezone: Europe/Berlin\nnotices: {{digest: 0 7 * * mon, channels: [{HOOK}]}}")
    tuesday = MONDAY + DAY
    report(ledger, tuesday, "watch")
    report(ledger, tuesday, "watch", root="drift", measure="drift_distance", item="vendor")
    for day in range(6):
        tend(ledger, "clock", tuesday + day * DAY)
    assert hook.taken == []
    monday = datetime(2026, 3, 9, 6, 1, tzinfo=UTC)  # seven in Berlin
    tend(ledger, "clock", monday)
    tend(ledger, "clock", monday + HOUR)
    ((_, body),) = hook.taken
    told = json.loads(body)
    assert told["subject"] == "[drafts] 2 alerts to watch"
    assert "drift distance vendor" in told["body"]
    for day in range(1, 15):
        tend(ledger, "clock", monday + day * DAY)
    assert len(hook.taken) == 1, "nothing new, no digest"


def test_what_happens_between_the_time_of_a_digest_and_its_making_is_in_the_next(
    ledger: Ledger, hook: Receiver
) -> None:
    configure(ledger, f"notices: {{digest: 0 7 * * mon, channels: [{HOOK}]}}")
    hook.way = "500"  # and a digest that has to wait for its channel does not move that time
    report(ledger, MONDAY + DAY, "watch")
    due = MONDAY.replace(hour=7) + 7 * DAY
    report(ledger, due + HOUR, "watch", root="drift", measure="drift_distance")
    tend(ledger, "clock", due + 2 * HOUR)  # the scheduler was down at seven
    hook.way = "ok"
    tend(ledger, "clock", due + 3 * HOUR)
    tend(ledger, "clock", due + 7 * DAY + HOUR)
    subjects = [json.loads(body) for _, body in hook.taken]
    assert [one["subject"] for one in subjects] == ["[drafts] 1 alert to watch"] * 2
    assert ["contradicted" in subjects[0]["body"], "drift" in subjects[1]["body"]] == [True, True]


def test_what_nobody_acknowledges_in_time_goes_to_the_next_in_line_once(ledger: Ledger, hook: Receiver) -> None:
    second = "{name: chief, kind: webhook, address: 'env:TEST_HOOK', secret: 'env:TEST_HOOK_KEY', at_once: []}"
    configure(ledger, f"notices: {{channels: [{HOOK}, {second}], escalate_to: [chief]}}")
    report(ledger, MONDAY)
    for hours in (0, 23, 25, 26, 50):
        tend(ledger, "clock", MONDAY + hours * HOUR)
    subjects = [json.loads(body)["subject"] for _, body in hook.taken]
    assert subjects == [
        "[drafts] ACT opened: contradicted reports",
        "[drafts] ACT not acknowledged in time: contradicted reports",
    ]


def test_a_channel_that_is_no_more_withdraws_its_notices(ledger: Ledger, hook: Receiver) -> None:
    configure(ledger, f"notices: {{channels: [{HOOK}]}}")
    report(ledger, MONDAY)
    configure(ledger, "owner: somebody", MONDAY)
    assert deliver(ledger, "clock", MONDAY) == (0, 1)
    assert [one["status"] for one in notices(ledger)] == ["withdrawn"]


def test_an_audit_tells_of_itself_without_a_patient(site: small.Site, hook: Receiver) -> None:
    """The notice of a real audit of a hospital whose every text and identifier is marked."""
    site.apply(small.YAML + f"notices: {{channels: [{HOOK}]}}\n", small.LATER)
    site.hand_in("references", [small.report_reference(small.WAITING[0])], small.LATER)
    with site.ledger.transaction("test", small.LATER) as tx:
        for row in tx.read(sa.select(t.alerts)):  # as if it were the first audit
            tx.update(t.alerts, row["id"], {"root": "another"})
    site.audit(small.LATER)
    assert deliver(site.ledger, "clock", small.LATER) == (1, 0)
    ((_, body),) = hook.taken
    said = body.decode()
    assert "contradicted reports" in said
    for mark in (small.MARKER, "MRN-", "OUT-", "R-1"):
        assert mark not in said


def test_addresses_and_keys_are_named_and_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    notice: dict[str, Any] = {"id": 1, "subject": "s", "body": "b"}

    def refused(sentence: str, **about: Any) -> None:
        with pytest.raises(ChannelError, match=sentence):
            send(Channel(name="x", **about), notice, MONDAY)

    refused("The address of x is missing: set NOT_THERE", address="env:NOT_THERE")
    refused("The file .* with the address of x cannot be read", address=f"file:{tmp_path / 'none'}")
    (tmp_path / "address").write_text("gopher://nonsense")
    refused("none that apprise knows", address=f"file:{tmp_path / 'address'}")
    (tmp_path / "address").write_text("http://example.org/hook")
    hooked = {"kind": "webhook", "secret": f"file:{tmp_path / 'key'}"}
    (tmp_path / "key").write_text("k")
    refused("must be an https address", address=f"file:{tmp_path / 'address'}", **hooked)
    for text, why in (
        ("{name: x, address: 'mailto://user:password@host'}", "should match pattern"),
        ("{name: x, kind: webhook, address: 'env:A'}", "a webhook needs a secret"),
        (f"{MAIL}, {MAIL}", "two channels have the same name"),
    ):
        with pytest.raises(SettingsError, match=why) as caught:
            parse_settings(f"system: s\ntasks: {{report: {{}}}}\nnotices: {{channels: [{text}]}}")
        assert "password" not in str(caught.value)
    with pytest.raises(SettingsError, match="escalate_to names y, which is no channel"):
        parse_settings(f"system: s\ntasks: {{report: {{}}}}\nnotices: {{channels: [{MAIL}], escalate_to: [y]}}")


def test_a_worsened_alert_is_told_again_and_a_wider_one_only_in_the_digest(ledger: Ledger, hook: Receiver) -> None:
    configure(ledger, f"notices: {{channels: [{HOOK}]}}")
    report(ledger, MONDAY, "watch")
    report(ledger, MONDAY + HOUR, "act")
    report(ledger, MONDAY + 2 * HOUR, "act", members=[{**LEAD, "slice": "site=south", "status": "act"}])
    deliver(ledger, "clock", MONDAY + 3 * HOUR)
    told = [json.loads(body)["subject"] for _, body in hook.taken]
    assert told == ["[drafts] ACT worsened: contradicted reports"]
