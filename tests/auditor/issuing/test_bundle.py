"""The inspector's bundle verifies with nothing but Python; one value changed anywhere, and it says where."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.issuing import verify_bundle
from auditor.issuing.bundle import BundleError, write_bundle
from auditor.signing import people, signoff
from auditor.signing_key import read_key
from tests.auditor import small_hospital
from tests.auditor.issuing.conftest import AT, PASSWORD, issue
from tests.auditor.small_hospital import Site

Files = dict[str, bytes]


@pytest.fixture
def site(issued_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """A workspace of one's own, with its report."""
    yield from small_hospital.opened(small_hospital.copied(issued_folder, tmp_path / "issued"))


@pytest.fixture
def bundle(site: Site, ada: str, tmp_path: Path) -> Path:
    """A bundle of a signed report, as its ZIP."""
    made = issue(site)
    key = read_key(site.workspace.signing_key_file)
    who = people.authenticate(site.ledger, ada, PASSWORD, AT)
    signoff.sign(site.ledger, key, made.report, who, meaning="approved", decision="restrict", note="", at=AT)
    write_bundle(site.ledger, site.lake, site.workspace.identity, made.report, key, tmp_path / "b.zip", AT)
    return tmp_path / "b.zip"


def test_it_verifies_where_the_product_is_not(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    # -I -S: no site packages, no environment, so nothing of the product can be imported
    done = subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "Intact:" in done.stdout and "Signed by Dr Ada Lang: approved, restrict" in done.stdout
    path = folder / "report" / "report.html"
    path.write_bytes(path.read_bytes().replace(b"Decisions", b"Decision5", 1))
    done = subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "NOT INTACT. report/report.html: the file was changed.\n")


def test_each_file_changed_missing_or_added_is_named(bundle: Path) -> None:
    files = verify_bundle.read(bundle)
    verify_bundle.verify(dict(files))
    for name in files:
        if name == "verify.py":  # an inspector uses a copy of their own
            continue
        damaged = files[name][:-2] + bytes([files[name][-2] ^ 1]) + files[name][-1:]
        with pytest.raises(verify_bundle.BrokenError, match=r"^(manifest\.json|the bundle is damaged)|" + name):
            verify_bundle.verify(files | {name: damaged})
        with pytest.raises(verify_bundle.BrokenError, match=name):
            verify_bundle.verify({other: data for other, data in files.items() if other != name})
    with pytest.raises(verify_bundle.BrokenError, match=r"more\.txt: the file is not part"):
        verify_bundle.verify(files | {"more.txt": b"hello"})


def _lines(files: Files) -> list[list[Any]]:
    return [json.loads(line) for line in files["journal.jsonl"].decode().splitlines()]


def _with_journal(files: Files, lines: list[list[Any]]) -> Files:
    return files | {"journal.jsonl": "".join(json.dumps(line) + "\n" for line in lines).encode()}


def _change_record(table: str, old: str, new: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        lines = _lines(files)
        row = next(line for line in lines if line[4] == table and old in line[5])
        row[5] = row[5].replace(old, new, 1)
        return _with_journal(files, lines)

    return change


def _relinked(files: Files) -> Files:
    """A measurement changed, and every hash after it made anew."""
    lines = _lines(_change_record("measurements", '"patients":', '"patients":1')(files))
    encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
    before = lines[0][6]
    for line in lines:
        seq, at, actor, action, table, record, _, _ = line
        text = (
            f'{{"action":{encode(action)},"actor":{encode(actor)},"at":{encode(at)},'
            f'"record":{record},"seq":{seq},"table":{encode(table)}}}'
        )
        line[6], line[7] = before, hashlib.sha256((before + text).encode()).hexdigest()
        before = line[7]
    return _with_journal(files, lines)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_change_record("measurements", '"value":', '"value":1'), r"journal entry \d+ \(measurements\)"),
        (_change_record("signatures", "restrict", "continue"), r"journal entry \d+ \(signatures\)"),
        (lambda files: _with_journal(files, _lines(files)[:-1]), "is not the one that the anchor names"),
        (lambda files: _with_journal(files, _lines(files)[:3] + _lines(files)[4:]), "does not follow"),
        (_relinked, "is not the one that the anchor names"),
    ],
)
def test_a_forger_who_makes_the_manifest_anew_is_still_found(
    bundle: Path, change: Callable[[Files], Files], why: str
) -> None:
    """As if the forger had the key to sign the manifest, but could not sign the journal's head again."""
    files = change(verify_bundle.read(bundle))
    forger = Ed25519PrivateKey.generate()
    manifest = json.loads(files["manifest.json"])
    content = {n: d for n, d in files.items() if n not in ("manifest.json", "manifest.sig", "verify.py")}
    manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    with pytest.raises(verify_bundle.BrokenError, match=r"manifest\.json"):
        verify_bundle.verify(_sealed(files, manifest, forger))
    verify_bundle.check_files(files, manifest)
    with pytest.raises(verify_bundle.BrokenError, match=why):
        entries = verify_bundle.check_journal(files["journal.jsonl"].decode().splitlines())
        verify_bundle.check_anchor(json.loads(files["anchor.json"]), entries, manifest)


def _sealed(files: Files, manifest: dict[str, Any], key: Ed25519PrivateKey) -> Files:
    text = json.dumps(manifest)
    return files | {"manifest.json": text.encode(), "manifest.sig": key.sign(text.encode()).hex().encode()}


def test_numbers_of_the_report_are_held_against_the_journal(bundle: Path) -> None:
    files = verify_bundle.read(bundle)
    entries = verify_bundle.check_journal(files["journal.jsonl"].decode().splitlines())
    manifest = json.loads(files["manifest.json"])
    assert verify_bundle.check_report(files, entries, manifest) > 100
    content = json.loads(files["report/report.json"])
    row = next(r for r in content["dossiers"][0]["rows"] if r["value"] is not None and r["slice"] == "all")
    row["value"] += 0.01
    forged = json.dumps(content).encode()
    number = max(seq for seq, (table, _, _) in entries.items() if table == "reports")
    issued = entries[number][1]
    issued["files"]["report.json"] = hashlib.sha256(forged).hexdigest()  # even if the hash were made to fit
    with pytest.raises(verify_bundle.BrokenError, match="is not what was measured"):
        verify_bundle.check_report(files | {"report/report.json": forged}, entries, manifest)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 511))
def test_the_verifier_agrees_with_the_library(message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify_bundle.signature_holds(public, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not verify_bundle.signature_holds(public, message, bytes(flipped))
    assert not verify_bundle.signature_holds(public, message + b"!", signature)
    assert not verify_bundle.signature_holds(b"\xff" * 32, message, signature)


def test_known_answers_of_rfc_8032() -> None:
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert verify_bundle.signature_holds(public, b"\x72", signature)
    order = 2**252 + 27742317777372353535851937790883648493
    again = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not verify_bundle.signature_holds(public, b"\x72", signature[:32] + again), "one signature, one form"


def test_a_bundle_never_replaces_a_file(site: Site, bundle: Path) -> None:
    key = read_key(site.workspace.signing_key_file)
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(site.ledger, site.lake, "w", "report-1", key, bundle, AT)
