"""What stands on the weekly list: no gap that one patient makes, none between groups judged in other parts."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.dossier import WatchListed
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import Site

WEEK = date(2026, 1, 5)
NOW = datetime(2026, 1, 19, 6, tzinfo=UTC)
YAML = """
system: small
tasks: {report: {}}
slices: [sex]
maturity_days: 7
"""
_BAD, _GOOD = "There is a large left pleural effusion.", "There is no pleural effusion."


def _studies(sex: str, patients: int, wrong: list[int], unread: int = 0) -> list[dict[str, Any]]:
    """Wrong drafts by patient (one right draft where there is none); the last `unread` have no reference."""
    per = [*wrong, *[0] * (patients - len(wrong))]
    made = [
        {"patient": f"{sex}{i}", "case_id": f"{sex}{i}-{k}", "sex": sex, "text": _BAD if bad else _GOOD}
        for i, bad in enumerate(per)
        for k in range(max(bad, 1))
    ]
    return [one | {"unread": i >= len(made) - unread} for i, one in enumerate(made)]


def _listed(site: Site, studies: list[dict[str, Any]]) -> list[WatchListed]:
    site.apply(YAML, NOW)
    day = f"{WEEK + timedelta(days=2)}"
    site.hand_in(
        "cases",
        [
            {"case_id": one["case_id"], "patient_id": one["patient"], "attributes": {"sex": one["sex"]}}
            for one in studies
        ],
        NOW,
    )
    site.hand_in(
        "references",
        [
            small.report_reference(0, case_id=one["case_id"], finalised_at=day)
            for one in studies
            if not one["unread"]
        ],
        NOW,
    )
    site.hand_in(
        "outputs",
        [
            {
                "case_id": one["case_id"], "output_id": f"O-{one['case_id']}", "task": "report", "version": "1",
                "produced_at": f"{day}T10:00:00Z", "text": one["text"],
            }
            for one in studies
        ],
        NOW,
    )  # fmt: skip
    window = {"start": WEEK, "end": WEEK + timedelta(days=6)}
    found = site.dossier(site.audit(NOW, **window).audit).watch_list
    return [one for one in found if one.measure == "contradicted_reports"]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    small.build_empty(tmp_path / "empty", YAML)
    yield from small.opened(tmp_path / "empty")


def test_one_patient_with_many_events_makes_no_gap(empty: Site) -> None:
    others = _studies("M", 300, [1] * 6)
    assert _listed(empty, [*_studies("F", 60, [6]), *others]) == []


def test_six_patients_with_one_event_each_do(empty: Site) -> None:
    (one,) = _listed(empty, [*_studies("F", 60, [1] * 6), *_studies("M", 300, [1] * 2)])
    assert one.slice == "sex=F" and one.p_value is not None and one.p_value < 0.05


@pytest.mark.parametrize(("women", "men"), [(0, 20), (8, 0), (8, 40)])
def test_groups_of_which_other_parts_were_judged_are_not_compared(empty: Site, women: int, men: int) -> None:
    """Ten women in sixty are wrong: a gap, but for what nobody judged of either side."""
    studies = [*_studies("F", 60, [1] * 10, women), *_studies("M", 300, [1] * 2, men)]
    assert _listed(empty, studies) == []


def test_as_much_of_both_sides_is_compared(empty: Site) -> None:
    studies = [*_studies("F", 60, [1] * 10, 3), *_studies("M", 300, [1] * 2, 15)]
    assert [one.slice for one in _listed(empty, studies)] == ["sex=F"]
