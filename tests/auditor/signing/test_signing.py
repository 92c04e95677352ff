"""Keys, anchors, accounts and sign-offs: what is signed holds, what was changed is named."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.issuing.checking import check_workspace
from auditor.signing import anchors, people
from auditor.signing.anchors import anchor_now
from auditor.signing_key import SigningError, make_key, read_key
from auditor.store import tables as t
from auditor.store.chain import Entry, canonical
from auditor.store.verify import Problem, verify
from tests.auditor.conftest import Run
from tests.auditor.issuing.conftest import AT, PASSWORD
from tests.auditor.issuing.conftest import ada as ada
from tests.auditor.small_hospital import SYSTEM, Site


def problems(site: Site, trusted: str | None = None) -> list[Problem]:
    return check_workspace(site.workspace, site.ledger, site.lake, trusted)


def forge(site: Site, *statements: str) -> None:
    with site.ledger._engine.begin() as connection:
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount, statement


def rewrite_journal(site: Site, old: str, new: str) -> None:
    """What somebody with full access can do: change a record, and make every hash after it anew."""
    with site.ledger._engine.begin() as connection:
        rows = connection.execute(sa.select(t.journal).order_by(t.journal.c.seq)).mappings().all()
        before = "0" * 64
        for row in rows:
            record = row["record"].replace(old, new)
            entry = Entry(row["seq"], row["at"], row["actor"], row["action"], row["table_name"], record)
            link = entry.link(before)
            changes = {"record": record, "previous": before, "hash": link}
            connection.execute(sa.update(t.journal).where(t.journal.c.seq == row["seq"]).values(changes))
            before = link
        connection.execute(sa.update(t.chain_head).values(hash=before))


def test_a_journal_that_was_rewritten_as_a_whole_is_seen_by_its_anchor(site: Site) -> None:
    assert anchor_now(site.workspace, site.ledger, "test", AT) is None
    assert problems(site) == []
    anchored = site.ledger.head()[0]
    forge(site, "UPDATE measurements SET value = 0.5 WHERE number = 0")
    rows = site.ledger.read(sa.select(t.journal.c.record).where(t.journal.c.table_name == "measurements"))
    old = next(row["record"] for row in rows if json.loads(row["record"])["number"] == 0)
    rewrite_journal(site, old, canonical(json.loads(old) | {"value": 0.5}))
    assert verify(site.ledger, site.lake).ok, "the stores themselves cannot see it"
    (problem,) = problems(site)
    assert (problem.kind, problem.place) == ("anchor", str(anchored))
    assert "The journal was rewritten" in problem.sentence


def test_a_journal_cut_short_is_seen_by_its_anchor(site: Site) -> None:
    site.ledger.read(sa.select(t.systems))
    with site.ledger.transaction("test", AT) as tx:
        tx.insert(t.systems, [{"name": "gone", "created_at": AT}])
    last = site.ledger.head()[0]
    anchor_now(site.workspace, site.ledger, "test", AT)
    newest = site.ledger.head()[0]
    forge(
        site,
        "DELETE FROM systems WHERE name = 'gone'",
        "DELETE FROM signing_keys",
        f"DELETE FROM journal WHERE seq >= {last}",
    )
    (row,) = site.ledger.read(sa.select(t.journal.c.hash).where(t.journal.c.seq == last - 1))
    forge(site, f"UPDATE chain_head SET seq = {last - 1}, hash = '{row['hash']}'")
    assert verify(site.ledger, site.lake).ok
    (problem,) = problems(site)
    assert problem.place == str(newest) and "entries were removed" in problem.sentence


def test_a_changed_anchor_another_key_and_a_cut_file_are_named(site: Site) -> None:
    anchor_now(site.workspace, site.ledger, "test", AT)
    file = site.workspace.anchor_file
    good = file.read_text()
    anchor = json.loads(good)
    file.write_text(json.dumps(anchor | {"head": "0" * 64}) + "\n")
    assert "its signature does not hold" in problems(site)[0].sentence
    file.write_text(good)
    assert problems(site, trusted=anchor["public"]) == []
    assert "another key than the one you trust" in problems(site, trusted="00" * 32)[0].sentence
    file.write_text(good[:-20])
    assert "is no anchor" in problems(site)[0].sentence


def test_an_anchor_is_written_once_for_one_head(site: Site) -> None:
    for _ in range(3):
        anchor_now(site.workspace, site.ledger, "test", AT)
    assert len(list(anchors.read(site.workspace.anchor_file))) == 1
    assert site.workspace.anchor_file.stat().st_mode & 0o777 == 0o600


def test_a_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    made = make_key(tmp_path / "k" / "one.signing")
    assert (tmp_path / "k" / "one.signing").stat().st_mode & 0o777 == 0o600
    assert read_key(tmp_path / "k" / "one.signing").id == made.id
    with pytest.raises(SigningError, match="already; move it away"):
        make_key(tmp_path / "k" / "one.signing")
    with pytest.raises(SigningError, match="is missing: restore it"):
        read_key(tmp_path / "other")
    (tmp_path / "bad").write_text("no key")
    with pytest.raises(SigningError, match="cannot be read"):
        read_key(tmp_path / "bad")


def test_without_its_key_an_audit_stands_and_says_so(site: Site) -> None:
    site.workspace.signing_key_file.unlink()
    said = anchor_now(site.workspace, site.ledger, "test", AT)
    assert said is not None and "was not anchored" in said and "anchor --new-key" in said


def test_accounts_refuse_what_they_must(site: Site, ada: str) -> None:
    ledger = site.ledger
    with pytest.raises(people.PeopleError, match="12 characters or more"):
        people.add(ledger, "bob", "Bob", ["viewer"], "short", "test", AT)
    with pytest.raises(people.PeopleError, match="There is no role boss"):
        people.add(ledger, "bob", "Bob", ["boss"], PASSWORD, "test", AT)
    with pytest.raises(people.PeopleError, match="a person ada already"):
        people.add(ledger, "ada", "Ada", ["viewer"], PASSWORD, "test", AT)
    for _ in range(people.LOCKED_AFTER):
        with pytest.raises(people.PeopleError, match="is not right"):
            people.authenticate(ledger, ada, "wrong wrong wrong", AT)
    with pytest.raises(people.PeopleError, match="is locked"):
        people.authenticate(ledger, ada, PASSWORD, AT)
    people.set_password(ledger, ada, PASSWORD + "!", "test", AT)
    assert people.authenticate(ledger, ada, PASSWORD + "!", AT)["full_name"] == "Dr Ada Lang"
    people.change(ledger, ada, "test", AT, active=False)
    with pytest.raises(people.PeopleError, match="is closed"):
        people.authenticate(ledger, ada, PASSWORD + "!", AT)
    journal = " ".join(row["record"] for row in ledger.read(sa.select(t.journal.c.record)))
    assert "argon2" not in journal and PASSWORD not in journal


def test_the_commands(run: Run, audited: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    audited.audit(AT + timedelta(days=8))
    assert run("report", SYSTEM, "--output", "out")[0] == 0
    code, _, said = run("sign", "report-1", "--as", "ada")
    assert (code, "no person ada" in said) == (2, True)
    pipe(monkeypatch, PASSWORD)
    assert (
        run("people", "add", "ada", "--full-name", "Dr Ada Lang", "--role", "committee", "--password-stdin")[0]
        == 0
    )
    code, _, said = run("sign", "report-1", "--as", "ada")
    assert (code, "--password-stdin" in said) == (2, True), "no terminal to ask on"
    pipe(monkeypatch, "wrong wrong wrong")
    assert run("sign", "report-1", "--as", "ada", "--password-stdin")[0] == 2
    pipe(monkeypatch, PASSWORD)
    code, _, said = run("sign", "report-1", "--as", "ada", "--password-stdin", "--meaning", "approved")
    assert code == 0 and "signed by Dr Ada Lang" in said
    assert "Dr Ada Lang: approved" in run("reports", "--json")[1]
    assert run("bundle", "report-1", str(tmp_path / "b.zip"))[0] == 0
    code, out, _ = run("people", "list", "--json")
    assert "credential" not in out
    code, out, _ = run("anchor", "--json")
    assert code == 0 and len(json.loads(out)["signature"]) == 128
    code, out, _ = run("verify", "--json")
    assert code == 0 and json.loads(out)["anchors"] >= 2
    forge(audited, "UPDATE signatures SET meaning = 'rejected'")
    code, _, said = run("verify")
    assert code == 1 and "Signature 1 of report-1 was made for another meaning" in said


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))
