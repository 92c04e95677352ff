"""Outputs beside their newest reference and case: amendments, addenda, second readers, ranks, bands."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from auditor.audit.linking import band_labels, headline, link, newest_references, slice_columns, subjects
from monitors.judged import GRID, MISSING
from tests.auditor.audit.rows import cases, outputs, references, settings

EARLY = datetime(2026, 3, 3, tzinfo=UTC)
LATE = datetime(2026, 3, 9, tzinfo=UTC)


def _linked_text(*rows: dict[str, object]) -> object:
    made = link(outputs({"case_id": "c1"}), references(*rows), cases(), "report", settings())
    return made.references["text"][0].as_py()


def test_an_output_without_reference_waits() -> None:
    made = link(outputs({"case_id": "c1"}), references({"case_id": "c2"}), cases(), "report", settings())
    assert made.has_reference.tolist() == [False]
    assert made.references["text"].to_pylist() == [None]


def test_the_highest_version_counts_whatever_the_order_of_arrival() -> None:
    newer = {"case_id": "c1", "version": 2, "text": "second"}
    older = {"case_id": "c1", "version": 1, "text": "first"}
    assert _linked_text(newer, older) == "second"
    assert _linked_text(older, newer) == "second"


def test_without_versions_the_latest_finalised_counts_then_the_latest_received() -> None:
    early = {"case_id": "c1", "finalised_at": EARLY, "text": "early"}
    late = {"case_id": "c1", "finalised_at": LATE, "text": "late"}
    assert _linked_text(late, early) == "late"
    assert _linked_text({"case_id": "c1", "text": "a"}, {"case_id": "c1", "text": "b"}) == "b"


def test_a_second_reader_is_no_amendment() -> None:
    first = {"case_id": "c1", "author": "a", "finalised_at": EARLY, "text": "first reader"}
    second = {"case_id": "c1", "author": "b", "finalised_at": LATE, "text": "second reader"}
    assert _linked_text(first, second) == "first reader"


def test_an_addendum_is_joined_to_its_report_and_changes_the_digest() -> None:
    report = {"case_id": "c1", "text": "No effusion."}
    addendum = {"case_id": "c1", "text": "On review a small nodule.", "addendum": True}
    plain = newest_references(references(report))
    joined = newest_references(references(addendum, report))
    assert joined["text"].to_pylist() == ["No effusion.\n\nADDENDUM: On review a small nodule."]
    assert joined["digest"][0] != plain["digest"][0]


def test_only_the_primary_kind_of_the_task_is_the_reference() -> None:
    made = link(
        outputs({"case_id": "c1"}),
        references({"case_id": "c1", "reference_kind": "adjudication", "text": "other"}),
        cases(),
        "report",
        settings(),
    )
    assert not made.has_reference.any()


def test_unranked_drafts_share_the_weight_of_their_case() -> None:
    drafts = outputs({"case_id": "c1"}, {"case_id": "c1"}, {"case_id": "c1"}, {"case_id": "c2"})
    made = link(drafts, references(), cases(), "report", settings())
    assert made.weight.tolist() == [round(GRID / 3)] * 3 + [GRID]


def test_versions_do_not_share_a_weight() -> None:
    drafts = outputs({"case_id": "c1", "version": "1"}, {"case_id": "c1", "version": "2"})
    assert link(drafts, references(), cases(), "report", settings()).weight.tolist() == [GRID, GRID]


def test_ranked_drafts_below_the_first_are_not_measured() -> None:
    drafts = outputs({"case_id": "c1", "rank": 1}, {"case_id": "c1", "rank": 2}, {"case_id": "c2"})
    assert headline(drafts)["case_id"].to_pylist() == ["c1", "c2"]


def test_slices_use_the_newest_case_and_bands_and_say_what_is_missing() -> None:
    about = settings("attributes: {age: {bands: [18, 40, 65]}}\nslices: [age, sex]\n")
    made = link(
        outputs({"case_id": "c1"}, {"case_id": "c2"}, {"case_id": "c3"}, {"case_id": "c4"}),
        references(),
        cases(
            {"case_id": "c1", "attributes": {"age": "39.9", "sex": "F"}},
            {"case_id": "c1", "attributes": {"age": "65", "sex": "F"}},
            {"case_id": "c2", "attributes": {"age": "17"}},
            {"case_id": "c3", "attributes": {"age": "not a number", "sex": "M"}},
        ),
        "report",
        about,
    )
    columns = slice_columns(made, about)
    assert pa.chunked_array(columns["age"]).to_pylist() == ["65+", "<18", MISSING, MISSING]
    assert pa.chunked_array(columns["sex"]).to_pylist() == ["F", MISSING, "M", MISSING]


def test_without_a_patient_key_the_study_stands_for_the_patient() -> None:
    made = link(
        outputs({"case_id": "c1"}, {"case_id": "c2", "patient_key": "p2"}, {"case_id": "c3"}),
        references(),
        cases({"case_id": "c1", "subject_id": "p1"}),
        "report",
        settings(),
    )
    subject, unit = subjects(made)
    assert subject.to_pylist() == ["p1", "p2", "c3"]
    assert unit.to_pylist() == ["patient", "patient", "study"]


def test_many_references_resolve_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"case_id": f"c{rng.integers(20)}", "version": int(rng.integers(5)), "text": f"text {n}"}
        for n in range(60)
    ]
    found = newest_references(references(*rows))
    for case, text in zip(found["case_id"].to_pylist(), found["text"].to_pylist(), strict=True):
        mine = [(row["version"], n, row["text"]) for n, row in enumerate(rows) if row["case_id"] == case]
        assert text == max(mine)[2]


def test_band_labels_of_fractions_say_which_end_is_in() -> None:
    assert band_labels([0.5, 1.5]) == ["<0.5", "0.5 to <1.5", "1.5+"]
