"""Back-up and restore: the same ledger and lake on the same or on another database; a damaged file is refused."""

import io
import json
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.audit.run import Result, run_audit
from auditor.backup import BackupError, backup, restore
from auditor.settings import Environment
from auditor.signing import people
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.small_hospital import LATER, SYSTEM, Site

KEY = Path("keys") / "site.key"


def _environment(site: Site, ledger: str | None = None) -> Environment:
    key = site.workspace.path.parent / KEY
    return Environment.model_construct(workspace=Path("none"), ledger=ledger, lake=None, key_file=key)


def test_a_restored_workspace_is_the_same_on_any_database(
    site: Site, first: Result, database_url: str, tmp_path: Path
) -> None:
    people.add(site.ledger, "ada", "Dr Ada Lang", ["committee"], "correct horse battery", "test", LATER)
    made = backup(site.workspace, tmp_path / "site.tar", LATER)
    assert (tmp_path / "site.tar").stat().st_mode & 0o777 == 0o600
    assert (made.entries, made.head) == site.ledger.head()

    place, found = restore(_environment(site, database_url), tmp_path / "site.tar", tmp_path / "back")
    assert found.ok, found.first
    ledger, lake = place.ledger(), place.lake()
    assert ledger.head() == site.ledger.head()
    for table in (*t.PROJECTIONS.values(), t.journal):
        both = [sorted(map(repr, map(dict, one.read(sa.select(table))))) for one in (site.ledger, ledger)]
        assert both[0] == both[1], table.name
    assert people.check(ledger) == []
    assert people.authenticate(ledger, "ada", "correct horse battery", LATER)["full_name"] == "Dr Ada Lang"
    # it goes on from there: the same audit is found, and new work is taken in
    again = run_audit(ledger, lake, SYSTEM, as_of=small.RECEIVED, clock=lambda: LATER, actor="test")
    assert (again.audit, again.cached) == (first.audit, True)
    back = Site(place, ledger, lake)
    back.hand_in("references", [small.report_reference(small.WAITING[0])], LATER)
    assert not back.audit(LATER + timedelta(days=1)).cached
    assert verify(ledger, lake).ok
    ledger.close()


def test_a_back_up_is_whole_or_not_there_and_never_replaces_a_file(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "site.tar"
    with pytest.raises(BackupError, match="There is no folder"):
        backup(site.workspace, tmp_path / "no" / "site.tar", LATER)
    segment = site.ledger.read(sa.select(t.segments.c.sha256))[0]["sha256"]
    path = site.workspace.path / "lake" / site.lake.name(segment)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"X")
    with pytest.raises(ValueError, match="changed or damaged"):
        backup(site.workspace, file, LATER)
    assert list(tmp_path.glob("*.tar*")) == list(tmp_path.glob(".*tar*")) == []
    path.write_bytes(good)
    backup(site.workspace, file, LATER)
    with pytest.raises(BackupError, match="exists already"):
        backup(site.workspace, file, LATER)


def _rewritten(source: Path, target: Path, change: str) -> None:
    """The back-up with one thing changed."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for number, member in enumerate(old.getmembers()):
            content = old.extractfile(member)
            assert content is not None
            data = content.read()
            if change == "segment" and member.name.startswith("segments/"):
                data = data[:-1] + b"X"
            if change == "manifest" and member.name == "manifest.json":
                data = json.dumps(json.loads(data) | {"head": "0" * 64}).encode()
            if change == "newer" and member.name == "manifest.json":
                data = json.dumps(json.loads(data) | {"format": 99}).encode()
            if change == "journal" and member.name.startswith("journal"):
                data = data[: len(data) // 2]
            if change == "end" and member.name == "manifest.json":
                continue
            if change == "path" and number == 0:
                evil = tarfile.TarInfo("settings/../../evil.yaml")
                evil.size = 4
                new.addfile(evil, io.BytesIO(b"evil"))
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("segment", "of the back-up is damaged"),
        ("manifest", "not the one that its manifest names"),
        ("newer", "made by a newer auditor"),
        ("journal", "journal cannot be read"),
        ("end", "not whole: its end is missing"),
        ("path", "holds something that is no file"),
    ],
)
def test_a_damaged_back_up_is_refused(site: Site, tmp_path: Path, change: str, why: str) -> None:
    backup(site.workspace, tmp_path / "good.tar", LATER)
    _rewritten(tmp_path / "good.tar", tmp_path / "bad.tar", change)
    with pytest.raises(ValueError, match=why):
        restore(_environment(site), tmp_path / "bad.tar", tmp_path / "back")
    assert not (tmp_path / "evil.yaml").exists()
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(BackupError, match="is no back-up of auditor, or is damaged"):
        restore(_environment(site), tmp_path / "text.tar", tmp_path / "other")


def test_the_commands_say_what_to_do_about_the_key(
    run: Run, audited: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, said = run("backup", str(tmp_path / "b.tar"))
    assert code == 0
    assert "is not in it: back it up in another place" in said
    with tarfile.open(tmp_path / "b.tar") as archive:
        key = (audited.workspace.path.parent / KEY).read_bytes().strip()
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None and key not in content.read()
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(tmp_path / "elsewhere.key"))
    code, _, said = run("restore", str(tmp_path / "b.tar"), str(tmp_path / "back"))
    assert code == 0
    assert "Bring the key back to" in said
    assert run("restore", str(tmp_path / "b.tar"), str(tmp_path / "back"))[0] == 2
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(tmp_path / "back"))
    assert run("verify")[0] == 0
