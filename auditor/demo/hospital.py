"""A simulated hospital: half a year of studies, drafts, reports and labels, with known errors in them.

Everything here is made up by the code beside it; no patient, report or sentence comes from a data set. Every
number and word follows from the seed, so two machines simulate the same hospital. Its language is regular: that
the judge reads it without a mistake shows that the pipeline is whole, not how well it reads real reports.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from auditor.demo.drafts import ErrorPlan, Truth, draft, plan_errors, radiologist_report, see
from auditor.demo.faults import NEW_VERSION, OLD_VERSION, PLANTED, VERSION_CHANGE, WEEKS, Fault
from auditor.demo.patients import TIMEZONE, Cohort, Floats, cohort
from auditor.demo.scores import OPERATING_POINTS, classifier_scores
from auditor.demo.settings_text import AUDIT_YAML
from auditor.demo.wording import INDICATIONS, Dice
from auditor.records import Kind

Row = dict[str, Any]

#: Shares of references that never arrive, of labels left open, and of outputs that hold no answer.
_NEVER_SIGNED: Final = 0.03
_NOT_LABELLED: Final = 0.01
_FAILED: Final = 0.004
_GARBLED: Final = 0.003
#: After the update the old version is asked for its scores of every third study: whose the changes are.
_ASKED_AGAIN: Final = 3

#: Independent streams of random numbers, so that one part never shifts another's draws.
_COHORT, _ERRORS, _SCORES, _FLOW, _REPORT_TEXT, _DRAFT_TEXT = range(6)


@dataclass(frozen=True, slots=True)
class Hospital:
    """What the simulated hospital hands in, week by week, and what is truly in it.

    `cases`, `references` and `outputs` are rows as `auditor.records` describes them, in order of arrival;
    `arrival` says for each row the week in which it arrived, from 1. `truth` names the errors put into each
    draft by output id; drafts that hold no report are not in it. What would arrive after the last week is
    not there: those reports are still being written.
    """

    start: date
    weeks: int
    cases: tuple[Row, ...]
    references: tuple[Row, ...]
    outputs: tuple[Row, ...]
    arrival: dict[Kind, tuple[int, ...]]
    planted: tuple[Fault, ...]
    truth: dict[str, Truth]

    def rows(self, kind: Kind) -> tuple[Row, ...]:
        """All rows of one kind."""
        return {"cases": self.cases, "references": self.references, "outputs": self.outputs}[kind]

    def week(self, kind: Kind, week: int) -> list[Row]:
        """The rows of one kind that arrived in one week, from 1."""
        return [row for row, at in zip(self.rows(kind), self.arrival[kind], strict=True) if at == week]

    def received_at(self, week: int) -> datetime:
        """When the rows of a week are handed in: six in the morning after its last day."""
        day = self.start + timedelta(weeks=week)
        return datetime.combine(day, time(6), tzinfo=ZoneInfo(TIMEZONE))


@dataclass(frozen=True, slots=True)
class _Flow:
    """What happens to each study's papers: delays in hours, what fails, what never comes."""

    drafted: Floats
    signed: Floats
    luck: Floats  # (studies, 6): one draw for each question below
    latency: Floats


def _flow(rng: np.random.Generator, studies: int) -> _Flow:
    signed = np.minimum(rng.gamma(1.2, 20.0, studies) + 0.5, 5 * 24)
    return _Flow(
        drafted=0.05 + rng.exponential(0.3, studies),
        signed=signed,
        luck=rng.random((studies, 6)),
        latency=np.round(rng.lognormal(7.8, 0.35, studies)),
    )


def _case(there: Cohort, study: int) -> Row:
    attributes: dict[str, str | int | None] = {
        "site": str(there.site[study]),
        "sex": str(there.sex[study]),
        "age": int(there.age[study]) if there.age_known[study] else None,
        "vendor": str(there.vendor[study]),
        "view": str(there.view[study]),
        "patient_class": str(there.patient_class[study]),
    }
    return {
        "case_id": f"study-{study + 1:05d}",
        "patient_id": f"patient-{there.patient[study] + 1:05d}",
        "studied_at": there.studied_at[study].isoformat(),
        "attributes": attributes,
    }


def _answer(content: Row, failed: bool, empty: Row, garbled: bool) -> Row:
    if failed:
        return {"error": "no answer within 60 seconds"}
    return empty if garbled else content


def _outputs(there: Cohort, study: int, flow: _Flow, text: str, scores: dict[str, Floats]) -> tuple[Row, Row]:
    """The draft and the scores of one study."""
    produced = there.studied_at[study] + timedelta(hours=float(flow.drafted[study]))
    updated = there.week[study] >= VERSION_CHANGE
    shared = {
        "case_id": f"study-{study + 1:05d}",
        "version": NEW_VERSION if updated else OLD_VERSION,
        "produced_at": produced.isoformat(timespec="seconds"),
    }
    luck = flow.luck[study]
    broken = {"text": "<unk> <unk> <unk> " * 12}
    report = _answer({"text": text}, luck[0] < _FAILED, broken, luck[1] < _GARBLED)
    given = {finding: float(column[study]) for finding, column in scores.items()}
    unscored = {"scores": dict.fromkeys(given)}
    scored = _answer({"scores": given}, luck[2] < _FAILED, unscored, luck[3] < _GARBLED)
    latency = {"latency_ms": float(flow.latency[study])}
    return (
        {"output_id": f"draft-{study + 1:05d}", "task": "report", **shared, **report, **latency},
        {"output_id": f"scores-{study + 1:05d}", "task": "classification", **shared, **scored},
    )


def _old_scores(there: Cohort, study: int, flow: _Flow, scores: dict[str, Floats]) -> list[Row]:
    """What the old version says of a study that the new one scored, replayed at the same time."""
    if there.week[study] < VERSION_CHANGE or study % _ASKED_AGAIN:
        return []
    produced = there.studied_at[study] + timedelta(hours=float(flow.drafted[study]))
    return [
        {
            "output_id": f"again-{study + 1:05d}",
            "task": "classification",
            "case_id": f"study-{study + 1:05d}",
            "version": OLD_VERSION,
            "origin": "replayed",
            "produced_at": produced.isoformat(timespec="seconds"),
            "scores": {finding: float(column[study]) for finding, column in scores.items()},
        }
    ]


def _references(there: Cohort, study: int, flow: _Flow, text: str, dice: Dice) -> tuple[Row, Row]:
    """The signed report of one study and the labels that the radiologist gave with it."""
    signed = there.studied_at[study] + timedelta(hours=float(flow.signed[study]))
    luck = flow.luck[study, 5]
    shared = {
        "case_id": f"study-{study + 1:05d}",
        "author": f"radiologist-{1 + int(dice.pick('01234567'))}",
        "finalised_at": signed.isoformat(timespec="seconds"),
        "draft_seen": "yes" if luck < 0.55 else "no" if luck < 0.96 else "unknown",
    }
    labels = {
        finding: None if dice.chance(_NOT_LABELLED) else int(there.disease[finding][study])
        for finding in OPERATING_POINTS
    }
    about = {
        "indication": dice.pick(INDICATIONS[str(there.patient_class[study])]),
        "has_prior": bool(there.has_prior[study]),
    }
    return (
        {"task": "report", "reference_kind": "final_report", **shared, "text": text, **about},
        {"task": "classification", "reference_kind": "label_set", **shared, "labels": labels},
    )


def _arrived(rows: list[Row], stamp: str, start: date, weeks: int) -> tuple[tuple[Row, ...], tuple[int, ...]]:
    """Rows in order of arrival with the week of it; what arrives after the last week is left out."""
    zone = ZoneInfo(TIMEZONE)
    moments = [datetime.fromisoformat(row[stamp]) for row in rows]
    order = sorted(range(len(rows)), key=lambda at: moments[at])
    week = [(moments[at].astimezone(zone).date() - start).days // 7 + 1 for at in order]
    kept = [(rows[at], number) for at, number in zip(order, week, strict=True) if number <= weeks]
    return tuple(row for row, _ in kept), tuple(number for _, number in kept)


def _texts(seed: int, there: Cohort, plan: ErrorPlan) -> Iterator[tuple[str, str, Truth, Dice]]:
    """Report, draft and planted errors of each study; the radiologist's dice go on to the labels."""
    for study in range(len(there)):
        reader = Dice((seed, _REPORT_TEXT, study))
        present = see(there, study, reader)
        report, denied = radiologist_report(present, reader)
        drafted, truth = draft(present, denied, plan, study, Dice((seed, _DRAFT_TEXT, study)))
        yield report, drafted, truth, reader


def simulate(
    seed: int = 0, *, faults: bool = True, studies: int = 6500, start: date = date(2026, 1, 5)
) -> Hospital:
    """Simulate the hospital over 26 weeks from `start`.

    With `faults` the four of `auditor.demo.faults.PLANTED` are in it; without, the same hospital (same
    patients, diseases and, where no fault touches them, the same words) is free of them. The version number
    changes in both.

    Raises ValueError for fewer than 100 studies, which would not make 26 weeks.

    >>> hospital = simulate(studies=200)
    >>> len(hospital.cases), hospital.outputs[0]["version"], hospital.outputs[-1]["version"]
    (200, '1.4', '1.5')
    """
    if studies < 100:
        raise ValueError("studies must be at least 100, so that every week has some.")
    there = cohort(np.random.default_rng((seed, _COHORT)), studies, start, shifted=faults)
    plan = plan_errors(np.random.default_rng((seed, _ERRORS)), there, planted=faults)
    scores = classifier_scores(np.random.default_rng((seed, _SCORES)), there, planted=faults)
    before = classifier_scores(np.random.default_rng((seed, _SCORES)), there, planted=faults, updated=False)
    flow = _flow(np.random.default_rng((seed, _FLOW)), studies)

    cases: list[Row] = []
    outputs: list[Row] = []
    references: list[Row] = []
    truth: dict[str, Truth] = {}
    for study, (report, drafted, errors, reader) in enumerate(_texts(seed, there, plan)):
        cases.append(_case(there, study))
        outputs.extend(_old_scores(there, study, flow, before))
        both = _outputs(there, study, flow, drafted, scores)
        outputs.extend(both)
        if both[0].get("text") == drafted:
            truth[both[0]["output_id"]] = errors
        if flow.luck[study, 4] >= _NEVER_SIGNED:
            references.extend(_references(there, study, flow, report, reader))
    return _handed_in(start, cases, references, outputs, truth, faults)


def _handed_in(
    start: date,
    cases: list[Row],
    references: list[Row],
    outputs: list[Row],
    truth: dict[str, Truth],
    planted: bool,
) -> Hospital:
    seen_cases, case_weeks = _arrived(cases, "studied_at", start, WEEKS)
    seen_references, reference_weeks = _arrived(references, "finalised_at", start, WEEKS)
    seen_outputs, output_weeks = _arrived(outputs, "produced_at", start, WEEKS)
    return Hospital(
        start=start,
        weeks=WEEKS,
        cases=seen_cases,
        references=seen_references,
        outputs=seen_outputs,
        arrival={"cases": case_weeks, "references": reference_weeks, "outputs": output_weeks},
        planted=PLANTED if planted else (),
        truth=truth,
    )


def write(hospital: Hospital, folder: Path) -> list[Path]:
    """Write the hospital as files to ingest: ``cases-w01.jsonl`` … ``outputs-w26.jsonl`` and ``audit.yaml``.

    Returns the paths of the JSON Lines files in order of arrival (cases, references, outputs of each week).
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.yaml").write_text(AUDIT_YAML, encoding="utf-8")
    paths = []
    kinds: tuple[Kind, ...] = ("cases", "references", "outputs")
    for week in range(1, hospital.weeks + 1):
        for kind in kinds:
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in hospital.week(kind, week)]
            path = folder / f"{kind}-w{week:02d}.jsonl"
            path.write_text("".join(lines), encoding="utf-8")
            paths.append(path)
    return paths
