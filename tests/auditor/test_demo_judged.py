"""The report judge on the simulated hospital: what it finds against what was planted, draft by draft."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from auditor.demo.drafts import Truth
from auditor.demo.faults import FABRICATION, FABRICATION_PLANTED, FABRICATION_WEEK
from auditor.demo.hospital import simulate
from auditor.judges.report import ReportJudge


@cache
def judged() -> list[tuple[Truth, dict[str, Any], bool]]:
    """Planted errors, the judge's result, and whether the fabrication fault is on, for each draft."""
    hospital = simulate()
    reports = {row["case_id"]: row for row in hospital.references if row["task"] == "report"}
    sites = {row["case_id"]: row["attributes"]["site"] for row in hospital.cases}
    weeks = dict(zip((row["case_id"] for row in hospital.cases), hospital.arrival["cases"], strict=True))
    rows = [r for r in hospital.outputs if r["output_id"] in hospital.truth and r["case_id"] in reports]
    pairs = [
        {
            "id": row["output_id"],
            "draft": row["text"],
            "reference": reports[row["case_id"]]["text"],
            "indication": reports[row["case_id"]]["indication"],
            "has_prior": reports[row["case_id"]]["has_prior"],
        }
        for row in rows
    ]
    return [
        (
            hospital.truth[row["output_id"]],
            result,
            sites[row["case_id"]] == "south" and weeks[row["case_id"]] >= FABRICATION_WEEK,
        )
        for row, result in zip(rows, ReportJudge().judge(pairs), strict=True)
    ]


def agreement(name: str, count: Callable[[dict[str, Any]], int]) -> tuple[float, float]:
    """Sensitivity and specificity of the judge for drafts with at least one error of a kind."""
    planted = np.array([bool(getattr(truth, name)) for truth, _, _ in judged()])
    found = np.array([count(result) > 0 for _, result, _ in judged()])
    assert planted.sum() > 20
    return float(found[planted].mean()), float(1 - found[~planted].mean())


def test_every_draft_can_be_judged() -> None:
    assert {result["status"] for _, result, _ in judged()} == {"judged"}


def test_contradicted_findings_are_found_and_none_invented() -> None:
    sensitivity, specificity = agreement("contradicted", lambda result: result["contradicted"])
    assert sensitivity > 0.97
    assert specificity > 0.99


def test_judged_rates_are_the_planted_rates() -> None:
    for late, rate, tolerance in ((True, FABRICATION_PLANTED, 0.05), (False, FABRICATION, 0.02)):
        found = [result["contradicted"] > 0 for _, result, on in judged() if on is late]
        planted = [bool(truth.contradicted) for truth, _, on in judged() if on is late]
        assert abs(np.mean(found) - np.mean(planted)) < 0.01
        assert abs(np.mean(found) - rate) < tolerance


def test_omitted_findings_are_found() -> None:
    sensitivity, specificity = agreement("omitted", lambda result: result["omitted"])
    assert sensitivity > 0.95
    assert specificity > 0.98


def test_swapped_sides_are_found() -> None:
    sensitivity, specificity = agreement("laterality", lambda result: result["laterality"])
    assert sensitivity > 0.95
    assert specificity > 0.99


def test_what_the_report_does_not_mention_is_not_contradicted() -> None:
    """Unsupported or unaddressed, whichever: asserted by the draft and not denied by the report."""
    sensitivity, specificity = agreement(
        "unsupported", lambda result: result["unsupported"] + result["unaddressed"]
    )
    assert sensitivity > 0.95
    assert specificity > 0.98
