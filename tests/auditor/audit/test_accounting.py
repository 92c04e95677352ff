"""What is accounted for, by what a measure counts and window by window, in questions handed in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from auditor.audit.accounting import counted
from auditor.backtest import backtest
from auditor.store import tables as t
from monitors.judged import GRID, judged_schema
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import Site

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
YAML = """
system: small
tasks: {vqa: {}}
reference_window: {from: 2026-01-01, to: 2026-01-31}
thresholds:
  - {measure: accuracy_open, watch: 0.85}
  - {measure: accuracy_closed, watch: 0.85}
  - {measure: accuracy_open, contrast: reference, watch: 0.30}
"""


def _ask(site: Site, month: int, closed: int, opened: int, unanswered: int) -> None:
    """Questions with a right answer each, the last `unanswered` of the open ones without a reference."""
    kinds = ["closed"] * closed + ["open"] * opened
    cases = [f"Q{month}-{i}" for i in range(len(kinds))]
    said = {"closed": "Yes", "open": "pleural effusion"}
    about = [{"case_id": case, "task": "vqa", "item": "q"} for case in cases]
    site.hand_in("cases", [{"case_id": case, "patient_id": case} for case in cases], NOW)
    site.hand_in(
        "outputs",
        [
            one | {"output_id": one["case_id"], "version": "1", "text": said[kind], "prompt": "What is there?"}
            | {"produced_at": f"2026-{month:02}-10T10:00:00Z"}
            for one, kind in zip(about, kinds, strict=True)
        ],
        NOW,
    )  # fmt: skip
    site.hand_in(
        "references",
        [
            one | {"reference_kind": "answer", "text": said[kind], "finalised_at": f"2026-{month:02}-11"}
            for one, kind in list(zip(about, kinds, strict=True))[: len(kinds) - unanswered]
        ],
        NOW,
    )


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Site]:
    small.build_empty(tmp_path / "asked", YAML)
    yield from small.opened(tmp_path / "asked")


def _said(site: Site) -> dict[tuple[str, str], tuple[str, str]]:
    made = site.audit(NOW, start=date(2026, 2, 1), end=date(2026, 2, 28))
    return {
        (v["threshold"]["measure"], v["threshold"]["contrast"]): (v["status"], v["reason"])
        for v in site.verdicts(made.audit)
        if "measure" in v["threshold"]
    }


def test_open_questions_without_an_answer_are_not_hidden_by_closed_ones(asked: Site) -> None:
    _ask(asked, 1, 0, 80, 0)
    _ask(asked, 2, 900, 120, 40)  # 96 % of all, two thirds of the open ones
    said = _said(asked)
    assert said["accuracy_closed", ""][0] == "ok"
    status, reason = said["accuracy_open", ""]
    assert status == "insufficient" and reason.startswith("Only 67 % of the outputs that may belong here")
    assert said["accuracy_open", "reference"][0] == "insufficient"
    past = {one.name: one for one in backtest(asked.ledger, asked.settings, NOW)}
    assert [one.insufficient for one in past.values()] == [1, 0, 1]  # recorded, and weighed again alike


def test_a_reference_window_of_which_half_is_missing_is_no_baseline(asked: Site) -> None:
    _ask(asked, 1, 0, 160, 80)
    _ask(asked, 2, 0, 120, 0)
    said = _said(asked)
    assert said["accuracy_open", ""][0] == "ok"
    status, reason = said["accuracy_open", "reference"]
    assert status == "insufficient" and "50 % of those of the reference window" in reason
    (rows,) = asked.ledger.read(sa.select(t.details.c.payload).where(t.details.c.kind == "accounts"))
    before = [one for one in rows["payload"] if one["before"]]
    assert [(one["slice"], one["outputs"], one["judged"]) for one in before] == [("all", 160, 80)]


def test_drafts_of_one_question_count_as_one() -> None:
    status = ["judged", "judged", "awaiting", "awaiting", "judge_failed", "unparseable", "output_error"]
    rows: list[dict[str, Any]] = [
        {
            "digest": b"0" * 16, "output_id": str(i), "case_id": str(i), "subject_id": str(i), "task": "vqa",
            "clustered_by": "patient", "item": "q", "version": "1", "origin": "recorded", "draft_seen": "no",
            "weight": GRID if one == "judge_failed" else GRID // 2, "status": one,
            "closed": 0 if one == "judged" else None, "correct": i % 2 if one == "judged" else None,
        }
        for i, one in enumerate(status)
    ]  # fmt: skip
    found = counted(pa.Table.from_pylist(rows, schema=judged_schema("vqa")), "vqa")
    assert (found.outputs, found.judged) == (3, 1)
    assert (found.of["open_answered"], found.of["closed_answered"]) == (1, 0)
