"""The smaller parts of intake: pseudonyms, the gate by itself, images, conversion, the watched folder."""

import hashlib
import hmac
import os
import time
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from pydantic import ValidationError
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from auditor.intake import images
from auditor.intake.convert import Converter, lake_table
from auditor.intake.faults import IntakeError
from auditor.intake.gate import failures, rules_for
from auditor.intake.images import Images, local_path
from auditor.intake.pseudonyms import Pseudonyms, Role, derived_id
from auditor.intake.watch import watch
from auditor.records import Case, Output, Reference
from auditor.store.chain import canonical
from tests.auditor.intake.conftest import KEY, RECEIVED, Bench, output


def test_pseudonyms_are_keyed_hashes_told_apart_by_role() -> None:
    made = Pseudonyms(KEY)
    expected = hmac.new(KEY, b"patient\x0042", hashlib.sha256).hexdigest()[:32]
    assert made.of("patient", "42") == made.of("patient", "42") == f"p-{expected}"
    assert len({made.of(role, "42")[2:] for role in get_args(Role)}) == 4
    assert Pseudonyms(KEY[::-1]).of("patient", "42") != made.of("patient", "42")
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Pseudonyms(b"short")


@given(st.lists(st.none() | st.text() | st.integers()), st.lists(st.none() | st.text() | st.integers()))
def test_derived_ids_are_equal_only_for_equal_parts(
    one: list[str | int | None], two: list[str | int | None]
) -> None:
    assert (derived_id("o-", one) == derived_id("o-", two)) == (one == two)


def converter(tmp_path: Path) -> Converter:
    return Converter("drafts", ZoneInfo("UTC"), Pseudonyms(KEY), RECEIVED, Images(tmp_path), False)


def test_output_ids_follow_identity_and_digests_follow_content(tmp_path: Path) -> None:
    make = converter(tmp_path)

    def row(**more: object) -> dict[str, object]:
        return make.row(Output.model_validate(output(0, **more)))[0]

    first = row()
    for same in (row(text="Other."), row(latency_ms=3), row(produced_at=None)):
        assert same["output_id"] == first["output_id"] and same["digest"] != first["digest"]
    for other in (
        row(case_id="B"),
        row(version="v2"),
        row(item="q1"),
        row(prompt="Report."),
        row(sample=1),
        row(images=[{"uri": "a"}]),
    ):
        assert other["output_id"] != first["output_id"]
    given = row(output_id="o1")
    assert given["output_id"] == Pseudonyms(KEY).of("output", "o1")


def test_the_digest_is_of_the_canonical_json_of_the_row(tmp_path: Path) -> None:
    record = Output.model_validate(output(0, text="Größe – normal.", scores={"b": 0.1, "a": None}))
    row, _ = converter(tmp_path).row(record)
    content = {k: v for k, v in row.items() if k != "digest" and v is not None and v != []}
    content["day"] = content["day"].isoformat()
    content["produced_at"] = content["produced_at"].isoformat()
    assert row["digest"] == hashlib.sha256(canonical(content).encode()).digest()[:16]
    turned = Output.model_validate(output(0, text="Größe – normal.", scores={"a": None, "b": 0.1}))
    assert converter(tmp_path).row(turned)[0]["digest"] == row["digest"]
    assert lake_table("outputs", [row]).to_pylist()[0]["scores"] == [("a", None), ("b", 0.1)]


def test_a_reference_is_named_by_what_identifies_it(tmp_path: Path) -> None:
    base = {"case_id": "1", "task": "report", "reference_kind": "final_report", "text": "Clear."}
    rows = [
        converter(tmp_path).row(Reference.model_validate({**base, **more}))[0]["reference_id"]
        for more in ({}, {"author": "A"}, {"author": "B"}, {"version": 1}, {"item": "q"}, {"text": "Other."})
    ]
    assert len(set(rows)) == 5 and rows[0] == rows[5]  # two readers are two references, not amendments


def test_infinite_attributes_are_row_faults(bench: Bench) -> None:
    path = bench.write("c.jsonl", ['{"case_id": 1, "attributes": {"dose": 1e999}}'])
    assert bench.ingest(path, "cases").reasons == (("attributes: a number is not finite", 1),)


def test_the_gate_agrees_with_plain_arithmetic(bench: Bench) -> None:
    rng = np.random.default_rng(3)
    n = 400
    identity = rng.integers(0, 380, n).astype(str)
    task = rng.choice(["report", "classification", "vqa"], n, p=[0.6, 0.3, 0.1])
    content = rng.integers(0, 20, n)
    ahead = np.where(rng.random(n) < 0.2, np.nan, rng.normal(-1, 1.2, n))
    latency = np.where(rng.random(n) < 0.2, np.nan, 10 ** rng.uniform(2, 8.2, n))
    table = pa.table(
        {
            "identity": identity,
            "task": task,
            "content": content,
            "days_ahead": pa.array(ahead, from_pandas=True),
            "latency_ms": pa.array(latency, from_pandas=True),
        }
    )
    found = failures(rules_for("outputs", bench.settings), table)
    copies = np.array([identity[i] in identity[:i] for i in range(n)])
    bad = (task == "vqa") | copies | (content < 1) | (ahead > 1) | (latency > 86_400_000)
    assert sorted(found) == np.flatnonzero(bad).tolist() and 60 < bad.sum() < n
    assert all(found[i].field == "task" for i in np.flatnonzero(task == "vqa").tolist())


def test_a_column_with_nothing_in_it_is_fine(bench: Bench) -> None:
    table = pa.table(
        {"days_ahead": pa.nulls(3, pa.float64())}
        | {"is_number age": [True] * 3, "number age": pa.nulls(3, pa.float64())}
    )
    assert failures(rules_for("cases", bench.settings), table) == {}


def png(path: Path, size: tuple[int, int] = (4, 4)) -> Path:
    Picture.new("L", size).save(path, format="PNG")
    return path


def dicom(path: Path, rows: int = 4, pixels: bytes | None = bytes(16)) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows, data.Columns, data.BitsAllocated = rows, 4, 8
    if pixels is not None:
        data.PixelData = pixels
        data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)
    return path


def test_images_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Images(tmp_path)
    sha = hashlib.sha256(png(tmp_path / "good.png").read_bytes()).hexdigest()
    assert look.fault("good.png", None) is None and look.fault("good.png", sha) is None
    assert look.fault("good.png", "0" * 64) == "its sha256 is not the one given"
    assert look.fault("gone.png", None) == look.fault("s3://b/x.png", None) == "it is not on this machine"
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    assert look.fault("cut.png", None) == "it cannot be opened as an image"
    dicom(tmp_path / "good.dcm")
    assert look.fault("good.dcm", None) is None
    dicom(tmp_path / "empty.dcm", pixels=None)
    assert look.fault("empty.dcm", None) == "it is DICOM without pixel data"
    (tmp_path / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    assert look.fault("bad.dcm", None) == "it cannot be opened as DICOM"
    monkeypatch.setattr(images, "MAX_PIXELS", 15)
    assert "million pixels" in str(Images(tmp_path).fault("good.png", None))
    assert "million pixels" in str(Images(tmp_path).fault("good.dcm", None))
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    assert "larger than" in str(Images(tmp_path).fault("good.png", None))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    png(tmp_path / "bomb.png", (20_000, 20_000))
    began = time.process_time()
    assert "million pixels" in str(Images(tmp_path).fault("bomb.png", None))
    assert time.process_time() - began < 1


def test_addresses_of_images(tmp_path: Path) -> None:
    here = png(tmp_path / "a b.png")
    assert local_path("a b.png", tmp_path) == local_path(str(here), tmp_path) == here
    assert local_path(here.as_uri(), Path("/")) == here
    for elsewhere in ("https://x/a.png", "file://server/a.png", "gone.png", ".", "a\0b", "x" * 5000):
        assert local_path(elsewhere, tmp_path) is None
    assert Images(tmp_path).sha256("https://x/a.png") is None


class Clock:
    """A sleep that acts out what happens to a folder between two looks, then Ctrl-C."""

    def __init__(self, *acts: object) -> None:
        self.acts = list(acts)

    def __call__(self, seconds: float) -> None:
        assert seconds == 2.0
        if not self.acts:
            raise KeyboardInterrupt
        act = self.acts.pop(0)
        if callable(act):
            act()


def test_a_watched_folder_takes_files_when_they_have_stopped_growing(tmp_path: Path) -> None:
    new, late = tmp_path / "a.jsonl", tmp_path / "b.csv.gz"
    stamp = iter(range(1, 99))

    def write(path: Path, text: str) -> None:
        path.write_text(text)
        os.utime(path, (0, next(stamp)))

    for name in (".hidden.jsonl", "notes.txt", "empty.csv"):
        write(tmp_path / name, "" if name == "empty.csv" else "x")
    (tmp_path / "folder.csv").mkdir()
    taken: list[str] = []
    clock = Clock(
        lambda: write(new, "half"),
        lambda: write(new, "half and half"),  # still growing
        None,  # stands still: taken
        lambda: write(late, "x"),
        None,
        None,
        lambda: write(new, "half and more"),  # changed later: taken again
        None,
        late.unlink,
        None,
    )
    count = watch(tmp_path, lambda path: taken.append(path.name), sleep=clock, interval=2.0)
    assert taken == ["a.jsonl", "b.csv.gz", "a.jsonl"] and count == 3


def test_a_watched_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="no folder"):
        watch(tmp_path / "gone", print, sleep=Clock())


@pytest.mark.parametrize("blank", ["", " ", "\t \n", "\u00a0"])
def test_a_blank_is_no_identifier(blank: str) -> None:
    for field in ("case_id", "patient_id"):
        with pytest.raises(ValidationError):
            Case.model_validate({"case_id": "c-1", field: blank})
    assert Case(case_id=" c-1 ", patient_id="\tMRN 7 ").patient_id == "MRN 7"
