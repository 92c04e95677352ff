"""An audit uses the reviews it could have seen: its key, its numbers and page one hang on them."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.audit.correcting import recorded_correction
from auditor.audit.run import Result
from auditor.reviews.correct import correct, sample_named
from auditor.reviews.take_in import import_reviews
from auditor.store import tables as t
from monitors.corrected import CORRECTED
from reports import corrections
from reports.export_json import dumps, loads
from reports.html import render
from tests.auditor import small_hospital as small
from tests.auditor.reviews.test_reviews import CONTRADICTED, REVIEWABLE, Row, drawn, fill, take, truth
from tests.auditor.small_hospital import LATER, RECEIVED, Site


def skipping(row: Row) -> Row:
    return {"fabrication": "skip"}


def none_found(row: Row) -> Row:
    return {"fabrication": "no"}


def _details(site: Site) -> dict[str, Any]:
    """The correction as the newest audit recorded it."""
    rows = site.ledger.read(sa.select(t.details.c.payload).where(t.details.c.kind == "corrections"))
    return dict(rows[-1]["payload"][0])


def test_reviews_change_the_audit_its_key_and_page_one(site: Site, first: Result, tmp_path: Path) -> None:
    before = render(site.dossier())
    assert "uncorrected: automatic judge, no radiologist review yet" in before
    assert site.dossier().corrections == ()
    drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE))
    take(site, fill(tmp_path / "sheet.csv", truth))

    assert site.audit(RECEIVED).audit == first.audit, "reviews that came later do not exist for an earlier as_of"
    second = site.audit(LATER)
    assert second.audit != first.audit and not second.cached
    (found,) = site.dossier().corrections
    assert found.same_window and found.reviewed == len(REVIEWABLE) and found.checked == LATER
    share = CONTRADICTED / len(REVIEWABLE)
    assert found.process.value == found.window.value == pytest.approx(share)
    assert found.process.low < share < found.process.high
    assert found.agreement is not None and found.agreement.value == 1.0 and found.agreement.low < 1
    page = render(site.dossier())
    assert f"{share * 1000:.1f} [" in page and "corrected by 37 reviews" in page
    assert "The judge agrees with our reviewers on 100.0 % [" in page and "last checked 8 March 2026" in page
    assert "no radiologist review yet" not in page
    assert loads(dumps(site.dossier())) == site.dossier()
    assert site.audit(LATER).cached, "the same reviews, the same audit"


def test_a_reader_who_disagrees_moves_the_corrected_rate_and_not_the_automatic_one(
    site: Site, first: Result, tmp_path: Path
) -> None:
    drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE))
    take(site, fill(tmp_path / "sheet.csv", lambda row: {"fabrication": "no"}))
    automatic = site.measured(first.audit)
    second = site.audit(LATER)
    numbers = [row for row in site.measured(second.audit) if row["measure"] != "corrected_fabrication"]
    assert [row | {"number": 0} for row in numbers] == [row | {"number": 0} for row in automatic]
    (found,) = site.dossier().corrections
    assert (found.process.value, found.process.low) == (0.0, 0.0) and found.process.high > 0
    assert found.judge_rate == pytest.approx(CONTRADICTED / len(REVIEWABLE))
    assert found.sensitivity is None, "no report has the error, so nothing tells whether it would be found"


def test_of_several_samples_the_blinded_one_counts_and_then_the_larger(site: Site, tmp_path: Path) -> None:
    """A newer sample that is smaller, or whose readers saw the judge, takes nothing from a better one."""
    total = len(REVIEWABLE)

    def reviewed(name: str, answer: Callable[[Row], Row], **more: Any) -> str:
        made = drawn(site, tmp_path / name, **more)
        take(site, fill(tmp_path / name, answer))
        assert correct(site.ledger, sample_named(site.ledger, made.sample)).process.n_eff >= 30
        return made.sample

    seen = reviewed("seen.csv", none_found, n=total)
    site.audit(LATER)
    (found,) = site.dossier().corrections
    assert (found.sample, found.blinded) == (seen, False) and not any("pooled" in note for note in found.notes)
    best = reviewed("best.csv", truth, n=total, blinded=True)
    smaller = reviewed("smaller.csv", none_found, n=total - 1, blinded=True)
    newest = reviewed("newest.csv", none_found, n=total - 1)
    assert len({seen, best, smaller, newest}) == 4
    site.audit(LATER + timedelta(hours=1))
    (found,) = site.dossier().corrections
    assert (found.sample, found.blinded, found.reviewed) == (best, True, total)
    assert found.process.value == pytest.approx(CONTRADICTED / total)
    assert found.notes[-1].startswith("other reviewed samples") and found.notes[-1].endswith(": 3")
    page = render(site.dossier())
    assert f"Sample {best}, blinded: {total} reviews" in page and "not pooled with this one" in page


def test_every_place_names_the_target_and_both_questions(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE), blinded=True)
    take(site, fill(tmp_path / "sheet.csv", truth))
    site.audit(LATER)
    page = render(site.dossier())
    for said in ("the rate of the system (process)", "the reports of the sampled window"):
        assert said in page
    assert page.count("the judge finds a clinically significant finding that the reference contradicts") == 2
    (found,) = site.dossier().corrections
    assert found.compared == "significant_contradicted"
    assert "the system (process)" in CORRECTED.title
    older = recorded_correction(json.loads(json.dumps(_details(site))) | {"compared": ""})
    assert list(corrections.questions(older)) == [], "an audit of before held another answer against theirs"


def test_a_bound_may_name_the_corrected_rate_and_then_it_acts(site: Site, tmp_path: Path) -> None:
    bound = "  - {measure: corrected_fabrication, watch: 0.05, act: 0.10}\n"
    site.apply(small.YAML.rstrip() + "\n" + bound, LATER)
    site.audit(LATER)
    waiting = next(row for row in site.dossier().rows if row.measure == "corrected_fabrication")
    assert (waiting.status, waiting.value) == ("insufficient", None), "not measured is never ok"
    drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE))
    take(site, fill(tmp_path / "sheet.csv", truth))
    site.audit(LATER)
    found = next(row for row in site.dossier().rows if row.measure == "corrected_fabrication")
    (correction,) = site.dossier().corrections
    assert (found.status, found.value, found.low) == ("act", correction.process.value, correction.process.low)
    assert (found.n, found.n_eff) == (correction.reviewed, correction.n_eff)
    assert "post-stratified" in found.interval


def test_too_few_reviews_leave_the_numbers_uncorrected(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=20)
    take(site, fill(tmp_path / "sheet.csv", truth))
    site.audit(LATER)
    assert site.dossier().corrections == ()
    assert "no radiologist review yet" in render(site.dossier())


def test_skipped_reviews_alone_correct_nothing(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE))
    take(site, fill(tmp_path / "sheet.csv", skipping))
    site.audit(LATER)
    assert site.dossier().corrections == ()


def test_reviews_of_an_earlier_window_speak_of_the_judge_alone(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=100, start=date(2026, 1, 1), end=date(2026, 2, 10))
    take(site, fill(tmp_path / "sheet.csv", truth))
    site.audit(LATER)  # its window is open: the sampled one ends earlier
    (found,) = site.dossier().corrections
    assert not found.same_window
    page = render(site.dossier())
    assert "the reviews at hand are of an earlier window" in page and "The judge agrees with our reviewers" in page
    assert "corrected by" not in page.split('id="reviews"')[0]
    site.audit(LATER + timedelta(hours=1), start=date(2026, 1, 1), end=date(2026, 2, 1))
    assert site.dossier().corrections == (), "a sample of a window that ends later is not used"


def test_a_later_word_of_a_reader_counts_from_its_own_time(site: Site, tmp_path: Path) -> None:
    drawn(site, tmp_path / "sheet.csv", n=len(REVIEWABLE))
    take(site, fill(tmp_path / "sheet.csv", truth))
    early = site.audit(LATER).audit
    import_reviews(
        site.ledger,
        fill(tmp_path / "sheet.csv", lambda row: {"fabrication": "no"}),
        reviewer="Dr Rowan Vale",
        key=site.workspace.key(),
        at=LATER + timedelta(days=1),
        actor="test",
    )
    assert site.audit(LATER).audit == early
    late = site.audit(LATER + timedelta(days=1)).audit
    (was,), (now,) = site.dossier(early).corrections, site.dossier(late).corrections
    assert was.process.value > 0.5 and now.process.value == 0.0
    assert small.MARKER not in str(now)
