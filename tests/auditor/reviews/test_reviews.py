"""A review sample of the small hospital: drawn, filled in, taken back, and what it corrects."""

import csv
import dataclasses
import json
import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from auditor.audit.run import Result
from auditor.audit.scope import AuditError
from auditor.reviews import draw
from auditor.reviews.correct import _sample, correct, readings, sample_named, samples
from auditor.reviews.draw import Drawn, draw_sample
from auditor.reviews.planning import rates_so_far
from auditor.reviews.questions import ReviewError
from auditor.reviews.sheet import ReviewFileError, read_sheet
from auditor.reviews.take_in import Imported, import_reviews
from auditor.store import tables as t
from auditor.store.verify import verify
from monitors.measurement import Window
from monitors.review_sample import ReviewSampleError, allocate
from monitors.reviewed import AdjudicationError
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, MARKER, RECEIVED, Site

#: Version 2 of the small hospital: cases 20–59 without the three that wait.
REVIEWABLE = [i for i in range(20, small.CASES) if i not in small.WAITING]
CONTRADICTED = sum(small.contradicts(i) for i in REVIEWABLE)

Row = dict[str, Any]


def drawn(site: Site, sheet: Path, n: int = 30, **more: Any) -> Drawn:
    return draw_sample(site.ledger, site.lake, small.SYSTEM, n=n, output=sheet, at=RECEIVED, actor="test", **more)


def rows_of(sheet: Path) -> list[Row]:
    text = sheet.read_text(encoding="utf-8-sig")
    if sheet.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines(keepends=True)))


def fill(sheet: Path, answer: Callable[[Row], Row]) -> Path:
    """The sheet as a reviewer returns it."""
    rows = [row | answer(row) for row in rows_of(sheet)]
    back = sheet.with_name(f"back-{len(list(sheet.parent.iterdir()))}{sheet.suffix}")
    with back.open("w", encoding="utf-8", newline="") as file:
        if sheet.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return back


def take(site: Site, sheet: Path, reviewer: str = "Dr Rowan Vale") -> Imported:
    return import_reviews(site.ledger, sheet, reviewer=reviewer, key=site.workspace.key(), at=LATER, actor="test")


def truth(row: Row) -> Row:
    """A reader who sees what the drafts say: every large effusion here is invented."""
    return {"fabrication": "yes" if "large left" in row["draft"] else "no"}


def fabrications(site: Site) -> list[Any]:
    return list(site.ledger.read(sa.select(t.reviews).order_by(t.reviews.c.id)))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_sheet_holds_what_a_reviewer_needs_and_is_private(site: Site, tmp_path: Path, suffix: str) -> None:
    sheet = tmp_path / f"sheet{suffix}"
    made = drawn(site, sheet)
    assert sheet.stat().st_mode & 0o777 == 0o600
    assert (made.version, made.drawn, made.again) == ("2", 30, False)
    assert {name: rows for name, rows, _ in made.strata} == {
        "contradicted": CONTRADICTED,
        "unflagged": len(REVIEWABLE) - CONTRADICTED,
    }
    rows = rows_of(sheet)
    assert [int(row["item"]) for row in rows] == list(range(1, 31))
    for row in rows:
        invented = "large left" in row["draft"]
        assert MARKER in row["draft"] and MARKER in row["reference"]
        assert row["case"].startswith("c-")
        assert ("contradicted: pleural effusion, actionable" in row["judge_finding"]) == invented
        assert row["fabrication"] == row["note"] == ""
        if not invented:
            assert row["judge_finding"] == "no error found"
        else:
            assert "“pleural effusion”" in row["judge_finding"], "with the words it points at"


def test_a_blinded_sheet_gives_the_judge_away_nowhere(site: Site, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    drawn(site, sheet, blinded=True)
    (row, *_) = rows_of(sheet)
    assert set(row) == {
        "sample", "item", "case", "images", "indication", "reference", "draft",
        "fabrication", "contradicted", "unsupported", "omitted", "laterality", "significance", "note",
    }  # fmt: skip


def test_the_ledger_knows_the_sample_and_no_text(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv")
    (sample,) = site.ledger.read(sa.select(t.review_samples))
    items = site.ledger.read(sa.select(t.review_items).order_by(t.review_items.c.number))
    assert (sample["id"], sample["blinded"], sample["version"]) == (made.sample, False, "2")
    assert len(sample["judge"]) == 32
    sizes = {name: (rows, taken) for name, rows, taken in made.strata}
    for item in items:
        rows, taken = sizes[item["stratum"]]
        assert item["probability"] == pytest.approx(taken / rows)
        assert (item["found"]["contradicted"] > 0) == (item["stratum"] == "contradicted")
    assert sum(item["weight"] / item["probability"] for item in items) == pytest.approx(len(REVIEWABLE))
    journal = " ".join(row["record"] for row in site.ledger.read(sa.select(t.journal.c.record)))
    kept = journal.split(made.sample, 1)[1]
    assert MARKER not in kept
    assert verify(site.ledger, site.lake).ok


def test_drawing_again_is_the_same_sample(site: Site, tmp_path: Path) -> None:
    first = drawn(site, tmp_path / "one.csv")
    head = site.ledger.head()
    again = drawn(site, tmp_path / "two.csv")
    assert (again.sample, again.again) == (first.sample, True)
    assert site.ledger.head() == head
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert drawn(site, tmp_path / "three.csv", blinded=True).sample != first.sample
    assert len(samples(site.ledger, small.SYSTEM)) == 2


def test_a_sheet_that_may_be_filled_in_is_never_written_over(site: Site, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("work of a week")
    with pytest.raises(ReviewError, match="exists already"):
        drawn(site, sheet)
    assert sheet.read_text() == "work of a week"
    assert not site.ledger.read(sa.select(t.review_samples))


def test_a_sample_that_cannot_be_recorded_leaves_no_sheet(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(draw, "_record", fail)
    with pytest.raises(KeyboardInterrupt):
        drawn(site, tmp_path / "sheet.csv")
    assert not (tmp_path / "sheet.csv").exists()


def test_windows_refusals_and_a_changed_judge(
    site: Site, fresh_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = tmp_path / "sheet.csv"
    cut = {"start": small.day_of(30), "end": small.day_of(39)}
    some = drawn(site, sheet, n=500, **cut)
    assert some.drawn == 10 and some.window == Window(cut["start"], cut["end"])
    sheet = tmp_path / "other.csv"
    refusals: list[tuple[Site, dict[str, Any], str]] = [
        (site, {"start": date(2020, 1, 1), "end": date(2020, 2, 1)}, "none has been judged"),
        (site, {"start": date(2026, 2, 1), "end": date(2026, 1, 1)}, "--from before --to"),
        (site, {"n": 0}, "larger --n"),
        (fresh_site, {}, "no audit of 'small'.*auditor audit small"),
    ]
    for place, more, sentence in refusals:
        with pytest.raises((AuditError, ReviewError, ReviewSampleError), match=sentence):
            drawn(place, sheet, **more)
    with pytest.raises(ReviewError, match=r"\.csv or \.jsonl"):
        drawn(site, tmp_path / "sheet.xlsx")

    class Newer(type(draw.for_task("report"))):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.digest = "0" * 32

    monkeypatch.setattr(draw, "for_task", lambda *_: Newer())
    with pytest.raises(ReviewError, match="judge has judged nothing of what the audit"):
        drawn(site, sheet)
    assert not sheet.exists()


def test_a_judgement_that_is_not_there_is_a_stratum_of_its_own(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = draw._stored

    def without_some(*args: Any) -> Any:
        table = stored(*args)
        return table.take([None if i % 10 == 0 else i for i in range(table.num_rows)])

    monkeypatch.setattr(draw, "_stored", without_some)
    made = drawn(site, tmp_path / "sheet.csv")
    sizes = {name: (rows, taken) for name, rows, taken in made.strata}
    assert 0 < sizes["missing"][1] <= sizes["missing"][0] <= 5
    gone = {r["item"] for r in rows_of(tmp_path / "sheet.csv") if r["judge_finding"] == "no judgement"}
    items = site.ledger.read(sa.select(t.review_items))
    assert gone == {str(item["number"]) for item in items if item["found"] is None} != set()
    back = fill(tmp_path / "sheet.csv", lambda row: truth(row) | {"contradicted": "agree"})
    with pytest.raises(ReviewFileError, match="the judge has no judgement here") as refused:
        take(site, back)
    assert len(refused.value.faults) == len(gone)


def test_reviews_come_back_and_correct_the_judge(site: Site, first: Result, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE))
    result = take(site, fill(tmp_path / "sheet.csv", truth))
    total = len(REVIEWABLE)
    assert (result.new, result.corrected, result.unchanged, result.skipped, result.open) == (total, 0, 0, 0, 0)
    found = correct(site.ledger, sample_named(site.ledger, made.sample))
    assert found.window.low == found.window.value == found.window.high == pytest.approx(CONTRADICTED / total)
    assert found.process.low < found.process.value < found.process.high
    assert found.judge_rate == pytest.approx(CONTRADICTED / total), "a perfect judge on regular language"
    assert (found.accuracy.sensitivity.value, found.accuracy.specificity.value) == (1.0, 1.0)
    assert found.powered is None, "too few reviews"
    assert any("saw the judge's finding" in note for note in found.notes)
    assert verify(site.ledger, site.lake).ok


def test_the_sample_is_an_unbiased_picture_of_the_window(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20, blinded=True)
    take(site, fill(tmp_path / "sheet.csv", truth))
    found = correct(site.ledger, sample_named(site.ledger, made.sample))
    assert found.window.value == pytest.approx(CONTRADICTED / len(REVIEWABLE)), "strata undo the allocation"
    assert found.window.low < found.window.value <= found.window.high
    assert not any("saw the judge" in note for note in found.notes)


def test_taking_in_twice_changes_nothing_and_another_word_is_kept_beside_the_first(
    site: Site, tmp_path: Path
) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20)
    back = fill(tmp_path / "sheet.csv", truth)
    take(site, back)
    head = site.ledger.head()
    again = take(site, back, reviewer="  Dr Rowan   Vale ")
    assert (again.new, again.corrected, again.unchanged) == (0, 0, 20)
    assert site.ledger.head() == head
    changed = fill(back, lambda row: {"fabrication": "skip"} if row["item"] == "3" else {})
    result = take(site, changed)
    assert (result.new, result.corrected, result.unchanged, result.skipped) == (0, 1, 19, 1)
    said = [row["verdict"] for row in fabrications(site) if row["item"] == 3]
    assert len(said) == 2 and said[1] == "skip", "nothing is lost"
    found = correct(site.ledger, sample_named(site.ledger, made.sample))
    assert (found.window.reviewed, found.window.skipped) == (19, 1)


def test_a_sheet_may_come_back_in_parts(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20, blinded=True)
    half = fill(tmp_path / "sheet.csv", lambda row: truth(row) if int(row["item"]) <= 12 else {})
    result = take(site, half)
    assert (result.new, result.open) == (12, 8)
    found = correct(site.ledger, sample_named(site.ledger, made.sample))
    assert (found.window.reviewed, found.window.skipped, found.open) == (12, 0, 8), "open is not skipped"
    assert any("not returned yet" in note and note.endswith(": 8") for note in found.notes)
    assert take(site, fill(half, truth)).open == 0


def test_two_readers_stand_beside_each_other(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20, blinded=True)
    take(site, fill(tmp_path / "sheet.csv", truth))

    def doubtful(row: Row) -> Row:
        if int(row["item"]) > 10:
            return {}
        return {"fabrication": "skip"} if row["item"] == "1" else {"fabrication": "no"}

    take(site, fill(tmp_path / "sheet.csv", doubtful), reviewer="Dr Sorrel Lake")
    sample = sample_named(site.ledger, made.sample)
    found = correct(site.ledger, sample)
    said = readings(site.ledger, sample)
    readers = {reading.reader for reading in said}
    assert found.readers == len(readers) == 2
    assert all(reader.startswith("a-") and "Rowan" not in reader for reader in readers)
    assert len(said) == 30
    differing = {
        reading.item for reading in said if reading.answers["fabrication"] == 1 and 2 <= reading.item <= 10
    }
    assert (found.twice, found.split) == (9, len(differing))
    assert found.between is None, "nine items are too few to tell"
    one_reader = sum(truth(row)["fabrication"] == "yes" for row in rows_of(tmp_path / "sheet.csv"))
    assert found.window.events == one_reader - len(differing) / 2
    take(site, fill(tmp_path / "sheet.csv", lambda row: {"fabrication": "no"}), reviewer="Dr Sorrel Lake")
    between = correct(site.ledger, sample).between
    assert between is not None and between.items == 20
    yes = sum(truth(row)["fabrication"] == "yes" for row in rows_of(tmp_path / "sheet.csv"))
    assert between.agreement.value == 1 - yes / 20
    assert between.kappa.value == 0.0, "a reader who never finds anything agrees by chance alone"


def test_the_judge_is_held_to_the_question_that_reviewers_were_asked(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that finds every second contradiction benign: strata and rates stay, its accuracy does not."""
    stored = draw._stored

    def milder(*args: Any) -> Any:
        table = stored(*args)
        place = table.column_names.index("significant_contradicted")
        some = [count if i % 2 else 0 for i, count in enumerate(table["significant_contradicted"].to_pylist())]
        return table.set_column(place, table.schema.field(place), pa.array(some, table.schema.field(place).type))

    monkeypatch.setattr(draw, "_stored", milder)
    made = drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE), blinded=True)
    take(site, fill(tmp_path / "sheet.csv", truth))
    sample = sample_named(site.ledger, made.sample)
    found = correct(site.ledger, sample)
    total, yes = len(REVIEWABLE), sum(rows for rows, _ in sample.yes["fabrication"].values())
    assert 0 < yes < CONTRADICTED
    assert {one.name: one.rows for one in sample.frame.strata} == {name: rows for name, rows, _ in made.strata}
    assert found.process.value == found.window.value == found.judge_rate == pytest.approx(CONTRADICTED / total)
    assert found.accuracy.sensitivity.value == pytest.approx(yes / CONTRADICTED)
    assert found.accuracy.agreement.value == pytest.approx(1 - (CONTRADICTED - yes) / total)
    assert found.accuracy.specificity.value == 1.0
    for reading in readings(site.ledger, sample):
        assert reading.judge["contradicted"] == reading.answers["fabrication"]


def test_a_sample_of_before_the_judges_answer_was_kept_corrects_and_does_not_judge_the_judge(
    site: Site, tmp_path: Path
) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20, blinded=True)
    take(site, fill(tmp_path / "sheet.csv", truth))
    (row,) = site.ledger.read(sa.select(t.review_samples))
    kept = row["frame"]["strata"]
    strata = [{name: one[name] for name in ("name", "rows", "weight")} for one in kept]
    before = _sample({**row, "frame": {**row["frame"], "strata": strata}})
    now = sample_named(site.ledger, made.sample)
    assert before == dataclasses.replace(now, yes={}) != now
    old, new = (correct(site.ledger, one) for one in (before, now))
    assert (old.process, old.window) == (new.process, new.window)
    assert math.isnan(old.accuracy.agreement.value) and new.accuracy.agreement.value == 1
    assert old.notes[-1].endswith("was not kept, so not told: agreement, sensitivity, specificity")
    assert not any("not told" in note for note in new.notes)


def test_what_reviews_cannot_tell_of_the_judge_is_null_with_a_note(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20, blinded=True)
    items = site.ledger.read(sa.select(t.review_items))
    flagged = {str(item["number"]) for item in items if item["stratum"] == "contradicted"}
    take(site, fill(tmp_path / "sheet.csv", lambda row: truth(row) if row["item"] in flagged else {}))
    found = correct(site.ledger, sample_named(site.ledger, made.sample))
    for rate in (found.accuracy.sensitivity, found.accuracy.specificity, found.accuracy.agreement):
        assert math.isnan(rate.value) and math.isnan(rate.low) and math.isnan(rate.high)
    assert found.notes[-1].endswith("with one of theirs: agreement, sensitivity, specificity")


def test_what_reviews_showed_plans_the_next_draw_once_an_audit_has_seen_them(site: Site, tmp_path: Path) -> None:
    first = drawn(site, tmp_path / "one.csv", n=20, blinded=True)
    sizes = {name: taken for name, _, taken in first.strata}
    assert sizes["unflagged"] == min(15, len(REVIEWABLE) - CONTRADICTED), "how rare it is there nobody knows"
    take(site, fill(tmp_path / "one.csv", truth))
    again = drawn(site, tmp_path / "two.csv", n=20, blinded=True)
    assert (again.sample, again.again) == (first.sample, True), "the same audit, the same sample"
    site.audit(LATER)
    audit = site.ledger.read(sa.select(t.audits.c.as_of).order_by(t.audits.c.as_of.desc()))[0]
    judge = sample_named(site.ledger, first.sample).judge
    found = rates_so_far(site.ledger, small.SYSTEM, judge, audit["as_of"])
    n, clean = sizes["contradicted"], sizes["unflagged"]
    assert found == {
        "contradicted": pytest.approx((n + 0.5) / (n + 1)),
        "unflagged": pytest.approx(0.5 / (clean + 50)),
    }
    assert rates_so_far(site.ledger, small.SYSTEM, "another judge", audit["as_of"]) == {}
    assert rates_so_far(site.ledger, small.SYSTEM, judge, RECEIVED) == {}, "not taken in yet"
    third = drawn(site, tmp_path / "three.csv", n=20, blinded=True)
    rows = {name: count for name, count, _ in third.strata}
    assert {name: taken for name, _, taken in third.strata} == allocate(rows, 20, found) != sizes
    take(site, fill(tmp_path / "three.csv", truth))
    both = rates_so_far(site.ledger, small.SYSTEM, judge, LATER)
    assert both["unflagged"] >= 0.5 / (len(REVIEWABLE) - CONTRADICTED + 50), "a report of two samples counts once"


def test_kinds_are_answered_by_agreement_or_outright(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.jsonl", n=20)

    def by_kind(row: Row) -> Row:
        about = truth(row) | {"contradicted": "Agree" if row["item"] != 4 else "disagree", "laterality": "no"}
        return about | ({"significance": "urgent"} if about["fabrication"] == "yes" else {})

    take(site, fill(tmp_path / "sheet.jsonl", by_kind))
    sample = sample_named(site.ledger, made.sample)
    for reading in readings(site.ledger, sample):
        agrees = reading.answers["contradicted"] == reading.judge["contradicted"]
        assert agrees == (reading.item != 4)
        assert reading.answers["laterality"] == 0
        assert reading.answers["omitted"] is None
    sides = correct(site.ledger, sample, "laterality")
    assert (sides.window.value, sides.window.reviewed) == (0, 20)
    with pytest.raises(AdjudicationError, match="No review"):
        correct(site.ledger, sample, "omitted")
    with pytest.raises(ReviewError, match=r"no question 'spelling'.*laterality"):
        correct(site.ledger, sample, "spelling")
    with pytest.raises(ReviewError, match="no review sample 'other'"):
        sample_named(site.ledger, "other")


def test_a_positive_that_nobody_flagged_asks_for_a_second_reader(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=20, blinded=True)
    missed = next(row["item"] for row in rows_of(tmp_path / "sheet.csv") if "large left" not in row["draft"])

    def sees_more(row: Row) -> Row:
        return {"fabrication": "yes"} if row["item"] == missed else truth(row)

    take(site, fill(tmp_path / "sheet.csv", sees_more))
    found = correct(site.ledger, sample_named(site.ledger, made.sample))
    assert any("one reader" in note and note.endswith(": 1") for note in found.notes)
    assert found.accuracy.sensitivity.value < 1
    take(site, fill(tmp_path / "sheet.csv", sees_more), reviewer="Dr Sorrel Lake")
    again = correct(site.ledger, sample_named(site.ledger, made.sample))
    assert not any("one reader" in note for note in again.notes)


FAULTS: list[tuple[Callable[[Row], Row], str]] = [
    (lambda r: {"fabrication": "maybe"}, r"Row \d+: fabrication must be yes, no or skip\."),
    (lambda r: {"fabrication": "", "note": "see chart"}, "fabrication is empty beside other answers"),
    (lambda r: {"fabrication": "yes", "significance": "benign"}, "urgent or actionable"),
    (lambda r: {"fabrication": "yes", "significance": "grave"}, "significance must be urgent, actionable"),
    (lambda r: {"fabrication": "no", "omitted": "perhaps"}, "omitted must be agree, disagree, yes or no"),
    (lambda r: {"fabrication": "no", "note": "x" * 2001}, "longer than 2,000 characters"),
    (lambda r: {"fabrication": "no", "item": "seven"}, "item must be the whole number"),
    (lambda r: {"fabrication": "no", "item": str(int(r["item"]) + 900)}, r"the sample has no item 9\d\d"),
    (lambda r: {"fabrication": "no", "item": "1"}, "item 1 was answered in row 2 already"),
    (lambda r: {"fabrication": "no", "sample": "another"}, "not in this workspace"),
    (lambda r: {"fabrication": "no", "sample": ""}, "sample is missing"),
    (lambda r: {"fabrication": "no", "sample": r["item"]}, "mixes rows of several samples"),
    (lambda r: {"fabrication": "no", "verdikt": "yes"}, r"column \d+ is not a field"),
    (lambda r: {"fabrication": "no", "contradicted": "agree"}, "did not see the judge"),
]


@pytest.mark.parametrize(("answer", "sentence"), FAULTS, ids=[sentence[:30] for _, sentence in FAULTS])
def test_a_fault_is_named_and_nothing_is_taken_in(
    site: Site, tmp_path: Path, answer: Callable[[Row], Row], sentence: str
) -> None:
    drawn(site, tmp_path / "sheet.csv", n=8, blinded=True)
    back = fill(tmp_path / "sheet.csv", answer)
    with pytest.raises(ReviewFileError, match=sentence) as refused:
        take(site, back)
    for line in str(refused.value).splitlines():
        assert MARKER not in line and "grave" not in line and "perhaps" not in line, "values are never quoted"
    assert not fabrications(site)


def test_every_fault_is_told_at_once(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=30, blinded=True)
    back = fill(tmp_path / "sheet.csv", lambda row: {"fabrication": "perhaps"})
    with pytest.raises(ReviewFileError) as refused:
        take(site, back)
    assert len(refused.value.faults) == 30
    lines = str(refused.value).splitlines()
    assert len(lines) == 22 and "10 more faults" in lines[-2] and lines[-1] == "Nothing was taken in."


def test_files_that_are_no_answer(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=8)
    with pytest.raises(ValueError, match="holds no answer: fill in the column fabrication"):
        take(site, tmp_path / "sheet.csv")
    (tmp_path / "sheet.pdf").write_text("scan")
    with pytest.raises(ValueError, match="must end in"):
        take(site, tmp_path / "sheet.pdf")
    for nobody in (" ", "x" * 300):
        with pytest.raises(ReviewError, match="--reviewer"):
            take(site, fill(tmp_path / "sheet.csv", truth), reviewer=nobody)


def test_a_sheet_that_a_spreadsheet_saved_again_is_read(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=8)
    rows = [row | truth(row) | {"note": "seen twice;\nno doubt"} for row in rows_of(tmp_path / "sheet.csv")]
    with (tmp_path / "saved.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0])[::-1], delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    assert take(site, tmp_path / "saved.csv").new == 8
    assert {row["note"].replace("\r", "") for row in fabrications(site)} == {"seen twice;\nno doubt"}


def test_a_draft_is_no_formula_in_a_spreadsheet(site: Site, tmp_path: Path) -> None:
    site.hand_in("outputs", [small.report_output(61, text='=HYPERLINK("x")', case_id="R-40")], LATER)
    site.audit(LATER)
    drawn(site, tmp_path / "sheet.csv", n=500)
    cells = [row["draft"] for row in rows_of(tmp_path / "sheet.csv")]
    assert '\'=HYPERLINK("x")' in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_drafts_that_share_a_case_weigh_as_the_monitors_weigh_them(site: Site, tmp_path: Path) -> None:
    second = small.report_output(30, output_id="OUT-again", sample=1)
    site.hand_in("outputs", [second], LATER)
    site.audit(LATER)
    made = drawn(site, tmp_path / "sheet.csv", n=500)
    items = site.ledger.read(sa.select(t.review_items).where(t.review_items.c.sample == made.sample))
    assert sorted(item["weight"] for item in items)[:3] == pytest.approx([0.5, 0.5, 1.0])
    assert sum(item["weight"] for item in items) == pytest.approx(len(REVIEWABLE))


def test_later_rows_do_not_move_a_sample_that_was_drawn(site: Site, tmp_path: Path) -> None:
    first = drawn(site, tmp_path / "one.csv")
    site.hand_in("references", [small.report_reference(i) for i in small.WAITING], LATER)
    assert drawn(site, tmp_path / "two.csv").sample == first.sample, "the audit pins what it saw"
    site.audit(LATER + timedelta(days=1))
    newer = drawn(site, tmp_path / "three.csv")
    assert newer.sample != first.sample
    assert sum(rows for _, rows, _ in newer.strata) == sum(rows for _, rows, _ in first.strata) + 3


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["sample", "item", "fabrication", "contradicted", "note", "draft", "significance", "x"]
            ),
            st.none() | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.just(["a"]),
        ),
        max_size=4,
    )
)
def test_any_json_lines_give_answers_or_sentences(rows: list[dict[str, Any]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "back.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        try:
            found = read_sheet(path)
        except ValueError as refusal:
            assert type(refusal).__module__.startswith("auditor"), refusal
            assert str(refusal).strip()
        else:
            assert found.given and all(answer.verdict in ("yes", "no", "skip") for answer in found.given)


def test_an_unknown_correlation_survives_the_ledger(site: Site, tmp_path: Path) -> None:
    made = drawn(site, tmp_path / "sheet.csv", n=10)
    frame = sample_named(site.ledger, made.sample).frame
    (row,) = site.ledger.read(sa.select(t.review_samples.c.frame))
    assert math.isnan(frame.flag_rho) == (row["frame"]["flag_rho"] is None)
    assert frame.cluster_size == row["frame"]["cluster_size"]
    assert frame.cluster_size >= 1
