"""Quarantine: what it keeps, what it never keeps, and another try."""

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from auditor.intake import gate
from auditor.intake.faults import IntakeError
from auditor.intake.masking import masked
from auditor.intake.pseudonyms import Pseudonyms
from auditor.intake.quarantine import export, listed, retry
from auditor.settings import parse_settings
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor.intake.conftest import KEY, RECEIVED, SETTINGS, Bench, output, report

SECRETS = ("Zebedee", "ACC-4711", "MRN-0815", "1949-05-23", "zebedee.dcm")


def again(bench: Bench, **more: Any) -> Any:
    given = {"settings": bench.settings, "mappings": {}, "received_at": RECEIVED, "actor": "test", "key": KEY}
    return retry(ledger=bench.ledger, lake=bench.lake, **{**given, **more})


def test_another_try_under_mended_settings(bench: Bench) -> None:
    rows = [output(0), output(1, task="vqa", text="yes"), output(2, text="")]
    bench.ingest(bench.write("a.jsonl", rows))
    mended = parse_settings(SETTINGS.replace("report: {}", "report: {}, vqa: {}"))
    result = again(bench, settings=mended)
    assert (result.tried, result.resolved, result.still, result.notes) == (2, 1, 1, ())
    (waiting,) = listed(bench.ledger, "drafts")
    assert (waiting.row, waiting.status) == (3, "retried")
    assert [row.status for row in listed(bench.ledger, "drafts", resolved=True)] == ["resolved", "retried"]
    (file,) = bench.ledger.read(sa.select(t.files))
    assert (file["rows"], file["accepted"], file["quarantined"]) == (3, 2, 1)
    assert len(bench.stored()) == 2 and verify(bench.ledger, bench.lake).ok
    assert again(bench, settings=mended).resolved == 0  # what is in is not tried again
    assert len(bench.stored()) == 2


def test_another_try_under_a_mended_mapping(bench: Bench) -> None:
    path = bench.folder / "c.csv"
    path.write_text("id,sex\n1,M\n2,W\n")
    text = "case_id: id\nattributes.sex: {from: sex, lookup: {M: male%s}}"
    bench.ingest(path, "cases", mapping=bench.mapping(text % "", "cases"))
    assert [row.row for row in listed(bench.ledger, "drafts")] == [3]
    result = again(bench, mappings={"cases": bench.mapping(text % ", W: female", "cases")})
    assert result.resolved == 1
    assert [row["attributes"] for row in bench.stored("cases")] == [[("sex", "male")], [("sex", "female")]]


def test_another_try_needs_the_file_as_it_was(bench: Bench) -> None:
    path = bench.write("a.jsonl", [output(0, text="")])
    bench.ingest(path)
    path.write_text(path.read_text() + "\n")
    assert "has changed since it was read" in again(bench).notes[0]
    path.unlink()
    assert "cannot be read" in again(bench).notes[0]
    assert again(bench).tried == 0 and len(listed(bench.ledger, "drafts")) == 1


def test_another_try_looks_at_images_again_where_they_were_the_reason(bench: Bench) -> None:
    (bench.folder / "a.png").write_bytes(b"not a picture")
    path = bench.write("a.jsonl", [output(0, images=["a.png"])])
    assert bench.ingest(path, check_images=True).quarantined == 1
    assert again(bench).still == 1
    Picture.new("L", (4, 4)).save(bench.folder / "a.png")
    assert again(bench).resolved == 1


def test_export_names_the_file_by_its_hash_alone(bench: Bench) -> None:
    bench.ingest(bench.write("zebedee.jsonl", [output(0, text="")]))
    stream = io.StringIO()
    assert export(bench.ledger, "drafts", stream) == 1
    line = json.loads(stream.getvalue())
    assert line["row"] == 1 and len(line["file_sha256"]) == 64
    assert "zebedee" not in stream.getvalue()


def hostile_rows() -> list[Any]:
    """Rows that are wrong in many ways, each with something about a patient in every place."""
    good = output(
        0,
        case_id="ACC-4711",
        patient_id="MRN-0815",
        text="Zebedee has an effusion.",
        prompt="Report on Zebedee.",
        images=["/scans/zebedee.dcm"],
        produced_at="2026-03-01",
    )
    return [
        {**good, "task": "Zebedee"},
        {**good, "Zebedee": 1, "MRN-0815": 2},
        {**good, "scores": {"Zebedee": 7}},
        {**good, "scores": {"Zebedee": "ACC-4711"}, "text": None},
        {**good, "produced_at": "1949-05-23T Zebedee"},
        {**good, "images": [{"uri": "/scans/zebedee.dcm", "sha256": "Zebedee"}]},
        {**good, "images": {"uri": 3, "Zebedee": 1}},
        {**good, "rank": "Zebedee"},
        {**good, "version": ["Zebedee"]},
        {**good, "latency_ms": 1e12},
        {**good, "text": " ", "error": None},
        {**good, "produced_at": "2049-05-23"},
        {**good, "task": "vqa"},
        {**good, "output_id": "ACC-4711"},
        {**good, "output_id": "ACC-4711", "text": "Zebedee is clear."},
        '{"text": "Zebedee ACC-4711',
        '"Zebedee"',
        '{"case_id": "ACC-4711", "text": NaN}',
    ]


def test_nothing_about_a_patient_leaves_the_gate(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    result = bench.ingest(bench.write("a.jsonl", hostile_rows()))
    assert (result.accepted, result.quarantined) == (1, len(hostile_rows()) - 1)
    told = [str(row) for row in listed(bench.ledger, "drafts")] + list(result.notes) + [str(result.reasons)]
    told += [str(dict(row)) for row in bench.ledger.read(sa.select(t.journal))]
    told += [record.getMessage() for record in caplog.records]
    for secret in SECRETS:
        assert not [text for text in told if secret in text], secret


def test_references_and_cases_leak_nothing_either(bench: Bench) -> None:
    references = [
        report(0, case_id="ACC-4711", author="Zebedee", draft_seen="Zebedee"),
        report(0, case_id="ACC-4711", author="Zebedee", text="", indication="Zebedee"),
        report(0, case_id="ACC-4711", labels={"Zebedee": 3}),
    ]
    cases = [
        {"case_id": "ACC-4711", "patient_id": "MRN-0815", "attributes": {"age": "Zebedee"}},
        {"case_id": "ACC-4711", "attributes": {"Zebedee": ["1949-05-23"]}},
        {"case_id": {"Zebedee": 1}, "studied_at": "1949-05-23 Zebedee"},
    ]
    assert bench.ingest(bench.write("r.jsonl", references), "references").quarantined == 3
    assert bench.ingest(bench.write("c.jsonl", cases), "cases").quarantined == 3
    told = str(listed(bench.ledger, "drafts"))
    assert not [secret for secret in SECRETS if secret in told]


def test_great_expectations_is_shown_no_identifier_and_returns_no_value(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    validation = gate._validation

    def watched(rules: Any) -> Any:
        real = validation(rules)

        class Spy:
            def run(self, batch_parameters: Any, result_format: Any) -> Any:
                seen.append(batch_parameters["dataframe"].to_csv())
                result = real.run(batch_parameters=batch_parameters, result_format=result_format)
                seen.append(str(result.to_json_dict()))
                return result

        return Spy()

    monkeypatch.setattr(gate, "_validation", watched)
    bench.ingest(bench.write("a.jsonl", hostile_rows()))
    assert len(seen) == 2 and "unexpected_index_list" in seen[1]
    assert not [secret for secret in SECRETS if secret in seen[0] + seen[1]]
    assert "'vqa'" not in seen[1].replace("'value_set'", "")  # the offending task is not in the result


def test_errors_of_a_whole_file_quote_nothing(bench: Bench) -> None:
    path = bench.folder / "a.csv"
    path.write_text("ACC-4711,MRN-0815,Zebedee\nACC-4712,MRN-0816,Sugar\n")
    with pytest.raises(IntakeError) as caught:
        bench.ingest(path)
    assert not [secret for secret in SECRETS if secret in str(caught.value)]
    assert caught.value.__cause__ is None


values = st.none() | st.booleans() | st.integers() | st.text("QXZ", min_size=1) | st.floats(allow_nan=False)
anything = st.recursive(
    values, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text("QXZ"), v, max_size=3), max_leaves=6
)
names = st.sampled_from(["case_id", "patient_id", "text", "task", "rank", "images", "scores"]) | st.text("QXZ")


@given(st.dictionaries(names, anything, max_size=6))
def test_masks_hold_for_any_row(row: dict[str, Any]) -> None:
    kept = json.dumps(masked(row, "outputs", Pseudonyms(KEY)))
    assert not set("QXZ") & set(kept)


def test_a_mask_names_its_row_as_the_lake_would() -> None:
    kept = masked({"case_id": 12.0, "patient_id": " 7 "}, "outputs", Pseudonyms(KEY))
    assert kept == {"case_id": Pseudonyms(KEY).of("case", "12"), "patient_id": Pseudonyms(KEY).of("patient", "7")}


def test_quarantine_survives_a_row_of_parquet(bench: Bench, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = bench.folder / "a.parquet"
    pq.write_table(pa.table({"case_id": [1, 2], "studied_at": ["2026-03-01", "x"]}), path)
    assert bench.ingest(path, "cases").quarantined == 1
    assert listed(bench.ledger, "drafts")[0].row == 2
    assert again(bench).still == 1
