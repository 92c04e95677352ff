"""Files into the lake: what goes in, what does not, and that nothing is lost or goes in twice."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.intake import ingest as module
from auditor.intake.admission import Admission
from auditor.intake.faults import IntakeError
from auditor.intake.quarantine import listed
from auditor.intake.readers import Source
from auditor.store import tables as t
from auditor.store.index import IdIndex
from auditor.store.verify import verify
from tests.auditor.intake.conftest import Bench, output, report


def test_outputs_go_in_with_pseudonyms_and_the_day_of_the_system(bench: Bench) -> None:
    result = bench.ingest(bench.write("a.jsonl", [output(0), output(1)]))
    assert (result.rows, result.accepted, result.quarantined) == (2, 2, 0)
    first, second = bench.stored()
    assert first["case_id"].startswith("c-") and first["patient_key"].startswith("p-")
    assert first["patient_key"] == second["patient_key"] and first["case_id"] != second["case_id"]
    assert first["day"].isoformat() == "2026-03-01"  # in New York; in UTC it is the 2nd already
    assert first["produced_at"].isoformat() == "2026-03-02T04:30:00+00:00"
    assert not first["date_only"]
    versions = bench.ledger.read(sa.select(t.versions.c.version))
    assert [row["version"] for row in versions] == ["v1"]
    assert verify(bench.ledger, bench.lake).ok


def test_the_same_file_again_is_a_no_op_that_says_so(bench: Bench) -> None:
    path = bench.write("a.jsonl", [output(0)])
    bench.ingest(path)
    head = bench.ledger.head()
    again = bench.ingest(path)
    assert again.already and again.accepted == 0 and again.duplicates == 1
    assert bench.ledger.head() == head


def test_the_same_rows_in_another_file_go_in_once(bench: Bench) -> None:
    bench.ingest(bench.write("a.jsonl", [output(0), output(1)]))
    result = bench.ingest(bench.write("b.jsonl", [output(1), output(2), output(2)]))
    assert (result.accepted, result.duplicates) == (1, 2)
    assert len(bench.stored()) == 3


def test_one_id_with_other_content_is_quarantined_and_the_first_stays(bench: Bench) -> None:
    rows = [output(0, output_id="o1"), output(1, output_id="o2"), output(0, output_id="o1", text="Other.")]
    inside = bench.ingest(bench.write("a.jsonl", rows))
    assert (inside.accepted, inside.conflicts, inside.quarantined) == (2, 1, 1)
    later = bench.ingest(bench.write("b.jsonl", [output(1, output_id="o2", text="Other.")]))
    assert (later.accepted, later.conflicts) == (0, 1)
    assert [row.row for row in listed(bench.ledger, "drafts")] == [3, 1]
    assert all("other content" in row.reason for row in listed(bench.ledger, "drafts"))
    assert {row["text"] for row in bench.stored()} == {"No effusion. Study 0.", "No effusion. Study 1."}


def test_references_are_amended_when_they_have_no_version(bench: Bench) -> None:
    bench.ingest(bench.write("a.jsonl", [report(0), report(1, version=1)]), "references")
    rows = [report(0, text="Amended."), report(1, version=1, text="Other."), report(1, version=2, text="Newer.")]
    result = bench.ingest(bench.write("b.jsonl", rows), "references")
    assert (result.accepted, result.conflicts) == (2, 1)
    assert sorted(row["text"] for row in bench.stored("references")) == [
        "Amended.",
        "Newer.",
        "Small effusion. Study 0.",
        "Small effusion. Study 1.",
    ]


def test_a_case_may_be_told_again_with_more(bench: Bench) -> None:
    case: dict[str, Any] = {"case_id": 7, "patient_id": 9, "attributes": {"sex": "F"}}
    bench.ingest(bench.write("a.jsonl", [case]), "cases")
    more = {**case, "attributes": {"sex": "F", "age": 71.0}}
    assert bench.ingest(bench.write("b.jsonl", [more, case]), "cases").accepted == 1
    newest = bench.stored("cases")[-1]
    assert newest["attributes"] == [("age", "71"), ("sex", "F")]
    assert newest["subject_id"] == newest["patient_key"]


BAD: list[tuple[dict[str, Any], str | None, str]] = [
    (output(1, task="vqa"), "task", "report only|audited for"),
    (output(1, text="  "), "text", "empty"),
    (output(1, produced_at="2026-03-12"), "produced_at", "future"),
    (output(1, produced_at="soon"), "produced_at", "not a time"),
    (output(1, produced_at=20260301), "produced_at", "not a number"),
    (output(1, produced_at="2011-03"), "produced_at", "not a time"),
    (output(1, latency_ms=1e9), "latency_ms", "milliseconds"),
    (output(1, task="classification", text=None, scores={"Edema": 1.2}), "scores", "less than or equal to 1"),
    (output(1, task="classification", text=None, scores={}), "text", "no score"),
    (output(1, txet="x"), None, "was text meant"),
    (output(1, images=[{"uri": "a", "sha256": "b"}]), "images", "pattern"),
    (output(1, scores=[1, 2]), "scores", "dictionary"),
    (output(1, sample=2**40), "sample", "too large"),
    (output(1, version=None), "version", "string"),
    ({"task": "report", "version": "v1", "text": "x"}, "case_id", "is missing"),
]


@pytest.mark.parametrize(("row", "field", "reason"), BAD)
def test_a_bad_row_goes_to_quarantine_and_its_neighbours_go_in(
    bench: Bench, row: dict[str, Any], field: str | None, reason: str
) -> None:
    result = bench.ingest(bench.write("a.jsonl", [output(0), row, output(2)]))
    assert (result.accepted, result.quarantined) == (2, 1)
    (kept,) = listed(bench.ledger, "drafts")
    assert (kept.row, kept.field, kept.status) == (2, field, "open")
    assert any(word in kept.reason for word in reason.split("|")), kept.reason


def test_the_gate_of_cases_knows_ages(bench: Bench) -> None:
    rows = [{"case_id": i, "attributes": {"age": age}} for i, age in enumerate([40, "41", None, "old", 430, -1])]
    result = bench.ingest(bench.write("c.jsonl", rows), "cases")
    assert (result.accepted, result.quarantined) == (3, 3)
    assert [row.row for row in listed(bench.ledger, "drafts")] == [4, 5, 6]


def test_a_reference_must_fit_its_task(bench: Bench) -> None:
    rows = [report(0), report(1, reference_kind="answer"), report(2, text=" ")]
    assert bench.ingest(bench.write("r.jsonl", rows), "references").quarantined == 2


def test_an_error_of_the_system_is_an_output(bench: Bench) -> None:
    row = output(0, text=None, error="timeout")
    assert bench.ingest(bench.write("a.jsonl", [row])).accepted == 1


def test_a_dry_run_writes_nothing_and_tells_the_same(bench: Bench) -> None:
    path = bench.write("a.jsonl", [output(0), output(0), output(1, text="")])
    head = bench.ledger.head()
    dry = bench.ingest(path, dry_run=True)
    assert bench.ledger.head() == head and not bench.lake.list()
    wet = bench.ingest(path)
    assert (dry.accepted, dry.duplicates, dry.quarantined) == (1, 1, 1)
    assert (wet.accepted, wet.duplicates, wet.quarantined) == (1, 1, 1)
    assert dry.reasons == wet.reasons and dry.reasons[0][1] == 1


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_crash_costs_the_unfinished_block_only(bench: Bench, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    rows = [output(i, text="" if i % 10 == 3 else f"Clear {i}.") for i in range(40)]
    path = bench.write("a.jsonl", rows)
    monkeypatch.setattr(Source.blocks, "__defaults__", (10,))
    whole = Admission.admit

    class Killed(BaseException):
        pass

    calls = 0

    def admit(self: Any, *given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > stop:
            raise Killed
        return whole(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Admission, "admit", admit)
        with pytest.raises(Killed):
            bench.ingest(path)
    assert len(bench.stored()) == 9 * stop
    again = bench.ingest(path)
    assert not again.already and again.accepted == 36 - 9 * stop
    assert len(bench.stored()) == 36 and len(listed(bench.ledger, "drafts")) == 4
    (file,) = bench.ledger.read(sa.select(t.files))
    assert (file["status"], file["rows"], file["accepted"]) == ("complete", 40, 36)
    assert (file["duplicates"], file["quarantined"]) == (0, 4)
    assert bench.ingest(path).already


def test_another_writer_in_between_is_noticed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.write("a.jsonl", [output(0), output(1)])
    other = bench.write("b.jsonl", [output(1), output(2)])
    load = IdIndex.load.__func__  # type: ignore[attr-defined]
    raced = False

    def slow(cls: Any, *given: Any) -> Any:
        nonlocal raced
        index = load(cls, *given)
        if not raced:
            raced = True
            bench.ingest(other)  # another process, after we looked and before we write
        return index

    monkeypatch.setattr(IdIndex, "load", classmethod(slow))
    result = bench.ingest(path)
    assert (result.accepted, result.duplicates) == (1, 1)
    assert len(bench.stored()) == 3


def test_several_processes_give_the_same_as_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [output(i, text="" if i % 50 == 0 else f"Clear {i}.") for i in range(300)]
    path = bench.write("a.jsonl", rows)
    alone = bench.ingest(path, dry_run=True)
    monkeypatch.setattr(module, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(module, "_BLOCK_IN_PROCESS", 100)
    told: list[tuple[int, int]] = []
    together = bench.ingest(path, workers=2, progress=lambda done, size: told.append((done, size)))
    assert (alone.rows, alone.accepted, alone.reasons) == (
        together.rows,
        together.accepted,
        together.reasons,
    )
    assert len(together.segments) == 3 and told[-1] == (path.stat().st_size,) * 2


def test_identity_holds_across_formats(bench: Bench) -> None:
    bench.ingest(bench.write("a.jsonl", [{"case_id": "12", "attributes": {"age": 72, "sex": "F"}}]), "cases")
    path = bench.folder / "b.csv"
    path.write_text("case_id;attributes.sex;attributes.age\n12;F;72\n")
    assert bench.ingest(path, "cases").duplicates == 1


def test_images_get_their_hash_and_are_opened_only_when_asked(bench: Bench) -> None:
    (bench.folder / "a.png").write_bytes(b"not a picture")
    rows = [output(0, images=["a.png", "s3://elsewhere/b.png"])]
    path = bench.write("a.jsonl", rows)
    checked = bench.ingest(path, dry_run=True, check_images=True)
    assert checked.reasons == (("image 1 of the row: it cannot be opened as an image", 1),)
    assert bench.ingest(path).accepted == 1
    near, far = bench.stored()[0]["images"]
    assert len(near["sha256"]) == 64 and far["sha256"] is None


def test_what_the_file_as_a_whole_lacks(bench: Bench, tmp_path: Path) -> None:
    path = bench.write("a.jsonl", [output(0)])
    with pytest.raises(IntakeError, match="mapping is for cases"):
        bench.ingest(path, mapping=bench.mapping("case_id: id", "cases"))
    table = bench.folder / "a.csv"
    table.write_text("id,said\n1,Clear.\n")
    with pytest.raises(IntakeError, match="no column 'report'"):
        bench.ingest(table, mapping=bench.mapping("case_id: id\ntext: report"))
    unknown = bench.settings.model_copy(update={"system": "stranger"})
    with pytest.raises(IntakeError, match="not registered"):
        Bench(bench.folder, bench.ledger, bench.lake, unknown).ingest(path)


def test_a_mapped_column_that_no_row_has_is_told(bench: Bench) -> None:
    path = bench.write("a.jsonl", [{"uid": 1, "said": "Clear."}])
    mapping = bench.mapping(
        "case_id: uid\ntext: said\nproduced_at: date\ntask: {value: report}\nversion: {value: v1}"
    )
    assert bench.ingest(path, mapping=mapping).notes == (
        "No row has a value in column 'date', which the mapping names.",
    )


def test_a_file_that_changes_while_it_is_read_is_not_complete(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.write("a.jsonl", [output(0)])
    grown = bench.folder / "grown"
    shutil.copy(path, grown)
    whole = module.parsed_blocks

    def parsed(*given: Any) -> Any:
        yield from whole(*given)
        path.write_text(grown.read_text() * 2)

    monkeypatch.setattr(module, "parsed_blocks", parsed)
    with pytest.raises(IntakeError, match="changed while it was read"):
        bench.ingest(path)
    assert bench.ledger.read(sa.select(t.files.c.status))[0]["status"] == "partial"
