"""Dossiers for tests: a realistic one, and the smallest rows to make others from."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reports.document import Badge, Cell
from reports.dossier import (
    Chart,
    ChartWeek,
    Confidence,
    Confounder,
    Dossier,
    DriftColumn,
    Estimate,
    Estimated,
    Exemplar,
    Flow,
    FrozenPairs,
    Movement,
    Parity,
    Provenance,
    Recalibrated,
    ReliabilityBin,
    Row,
    SafeCoverage,
    ScoreShift,
    ShiftedRate,
    Template,
    Templates,
    TrendPoint,
    VersionEffect,
    VersionSplit,
    VersusRest,
    WatchListed,
    WorstGroup,
)

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural thickening",
    "Pneumonia",
    "Pneumothorax",
)
SLICES = (
    "site=East",
    "site=West",
    "vendor=Alder",
    "vendor=Birch",
    "view=AP",
    "view=PA",
    "age=0-17",
    "age=18-39",
    "age=40-64",
    "age=65+",
    "sex=F",
    "sex=M",
    "sex=(missing)",
    "age=65+ & sex=F",
)
_START, _END = date(2026, 7, 6), date(2026, 9, 27)


def text_of(cell: Cell) -> str:
    """What a cell says in words."""
    return "".join("" if isinstance(run, Badge) else run.text for run in cell)


def row(measure: str = "contradicted_reports", value: float | None = 0.05, **changes: Any) -> Row:
    """A row of the report task on the whole system; `changes` set any other field."""
    half = 0.012
    made = Row(
        measure=measure,
        title=measure.replace("_", " ").capitalize(),
        task="report",
        version="2.1",
        item="",
        slice="all",
        contrast="",
        start=_START,
        end=_END,
        value=value,
        low=None if value is None else value - half,
        high=None if value is None else value + half * 1.2,
        n=1204.0,
        counted="reports",
        events=62.0,
        n_eff=1100.5,
        patients=980,
        patients_exact=False,
        resampled="patients",
        unit="share",
        direction="higher is worse",
        interval="Jeffreys on the effective sample size, pooled design effect",
        note="",
        suppressed=False,
    )
    return replace(made, **changes)


def suppressed(**changes: Any) -> Row:
    """A row as the ledger hands it out when it is too small to show."""
    blank: dict[str, Any] = {"value": None, "low": None, "high": None, "n": 0.0, "events": None, "n_eff": None}
    return row(**{**blank, "patients": 0, "suppressed": True, "reason": "", **changes})


def _report_rows() -> list[Row]:
    act = "The interval lies wholly above 4.0 %."
    rows = [
        row(
            "significant_contradicted",
            0.031,
            title="Clinically significant contradicted findings per report",
            unit="per report",
            low=0.022,
            high=0.042,
        ),
        row(
            "significant_contradicted_reports",
            0.028,
            title="Reports with a clinically significant contradicted finding",
            status="watch",
            reason="The far end of the interval lies above 4.0 %.",
            watch=0.04,
            act=0.08,
            low=0.02,
            high=0.041,
        ),
        row(
            "contradicted_reports",
            0.092,
            title="Reports with at least one contradicted finding",
            status="act",
            reason=act,
            watch=0.04,
            act=0.06,
            low=0.076,
            high=0.11,
        ),
        row(
            "unsupported_reports",
            0.143,
            title="Reports with at least one unsupported finding",
            status="watch",
            reason="The far end of the interval lies above 15.0 %.",
            watch=0.15,
            low=0.124,
            high=0.164,
        ),
        row(
            "omission_reports",
            0.061,
            title="Reports with at least one omitted finding",
            status="ok",
            watch=0.1,
            act=0.15,
            low=0.048,
            high=0.076,
        ),
        row(
            "laterality_reports",
            0.004,
            title="Reports with a finding on the wrong side",
            status="insufficient",
            reason="The smallest rate that could have been seen is 1.9 %; a rise to 1.0 % is said to matter.",
            watch=0.005,
            act=0.01,
            low=0.001,
            high=0.009,
        ),
        row(
            "contradicted_claims",
            0.036,
            title="Findings the reference contradicts, per positive claim",
            counted="positive claims",
            n=2604.0,
        ),
        row(
            "omitted_findings",
            0.048,
            title="Findings of the reference left out",
            counted="reference findings",
            n=2210.0,
        ),
        row(
            "contradicted_reports",
            0.043,
            title="Reports with at least one contradicted finding",
            contrast="reference",
            low=0.02,
            high=0.066,
        ),
    ]
    title = "Reports with at least one contradicted finding"
    for i, name in enumerate(SLICES):
        value = 0.16 if name == "site=East" else 0.07 + 0.004 * (i % 5)
        small = name in ("age=0-17", "sex=(missing)")
        for measure, said in (
            ("contradicted_reports", title),
            ("low_score_reports", "Reports with an agreement score below one half"),
        ):
            rows.append(
                suppressed(measure=measure, title=said, slice=name)
                if small
                else row(
                    measure,
                    value,
                    title=said,
                    slice=name,
                    n=300.0 + i,
                    patients=240 + i,
                    low=value - 0.025,
                    high=value + 0.03,
                )
            )
        gap = value - 0.08
        if small:
            rows.append(suppressed(title=title, slice=name, contrast="rest", status="insufficient", watch=0.05))
        else:
            status = "watch" if gap > 0.05 else "ok"
            rows.append(
                row(
                    value=gap,
                    title=title,
                    slice=name,
                    contrast="rest",
                    low=gap - 0.03,
                    high=gap + 0.03,
                    versus=VersusRest(
                        len(SLICES),
                        True,
                        gap - 0.02,
                        gap + 0.02,
                        gap - 0.028,
                        gap + 0.029,
                        value / 0.08,
                        value / 0.08 - 0.21,
                        value / 0.08 + 0.26,
                    ),
                    status=status,
                    watch=0.05,
                    reason="The far end of the interval lies above 5.0 points.",
                )
            )
    return rows


def _classification_rows() -> list[Row]:
    rows = []
    for i, finding in enumerate(FINDINGS):
        common: dict[str, Any] = {
            "task": "classification",
            "direction": "lower is worse",
            "item": finding,
            "n": 4012.0,
            "patients": 2210,
            "patients_exact": True,
        }
        auroc = 0.9 - 0.012 * i
        status = "watch" if auroc < 0.77 else "ok"
        rows += [
            row(
                "auroc",
                auroc,
                title="Area under the ROC curve",
                unit="score",
                counted="labelled images",
                low=auroc - 0.02,
                high=auroc + 0.018,
                status=status,
                watch=0.75,
                act=0.7,
                reason="The near end lies below 0.750." if status == "watch" else "",
                interval="logit scale, patient jackknife, t on positive patients",
                **common,
            ),
            row(
                "sensitivity",
                0.8 - 0.01 * i,
                title="Sensitivity",
                counted="labelled positives",
                **{**common, "n": 120.0 + i},
            ),
            row("specificity", 0.9, title="Specificity", counted="labelled negatives", **common),
            row(
                "calibration_gap",
                0.04 - 0.005 * i,
                title="Over-confidence: stated probability minus observed frequency",
                unit="difference",
                counted="labelled images",
                **{**common, "direction": "away from zero is worse"},
            ),
        ]
    pooled: dict[str, Any] = {"task": "classification", "n": 56168.0, "patients": 2210, "patients_exact": True}
    rows += [
        row(
            "sensitivity",
            0.74,
            title="Sensitivity",
            direction="lower is worse",
            counted="labelled positives",
            **{**pooled, "n": 1770.0},
        ),
        row(
            "specificity",
            0.903,
            title="Specificity",
            direction="lower is worse",
            counted="labelled negatives",
            **pooled,
        ),
        row(
            "calibration_gap",
            0.061,
            title="Over-confidence: stated probability minus observed frequency",
            unit="difference",
            direction="away from zero is worse",
            counted="labelled images",
            low=0.055,
            high=0.067,
            status="act",
            watch=0.03,
            act=0.05,
            reason="The interval lies wholly beyond 0.050.",
            **pooled,
        ),
    ]
    for i, name in enumerate(SLICES[:8]):
        value = 0.61 if name == "age=18-39" else 0.73 + 0.006 * i
        rows.append(
            row(
                "sensitivity",
                value,
                title="Sensitivity",
                direction="lower is worse",
                slice=name,
                counted="labelled positives",
                low=value - 0.05,
                high=value + 0.05,
                task="classification",
                n=210.0,
            )
        )
    rows.append(
        row(
            "drift_distance",
            0.21,
            title="Distance to the reference window",
            unit="distance",
            task="classification",
            item="vendor",
            contrast="reference",
            low=None,
            high=None,
            status="watch",
            reason="The distance lies above the chance band.",
            watch=0.05,
            interval="",
        )
    )
    return rows


def _listed() -> WatchListed:
    return WatchListed(
        version="2.1",
        measure="omission_reports",
        title="Reports with at least one omitted finding",
        slice="site=East",
        week=date(2026, 9, 7),
        gap=0.081,
        p_value=0.0004,
        asked=62,
        again=True,
    )


def _chart() -> Chart:
    weeks = []
    for k in range(12):
        alarm = k == 9
        weeks.append(
            ChartWeek(
                week=_START + timedelta(days=7 * k),
                n=260 + k if k else None,  # the first week is too small to be shown
                events=12 + 2 * k if k else None,
                expected=15.0 if k else None,
                statistic=0.4 * 1.6**k if k < 10 else 0.5,
                alarm=alarm,
                changed=_START + timedelta(days=42) if alarm else None,
                rise=1.5 if alarm else None,
                low=0.02 if k else None,
                high=0.12 - 0.005 * k if k else None,
                cusum=0.6 * k if k < 9 else 0.0,
                cusum_alarm=k == 8,
            )
        )
    return Chart(
        cusum_limit=4.7,
        measure="contradicted_reports",
        title="Reports with at least one contradicted finding",
        task="report",
        version="2.1",
        item="",
        lower_is_worse=False,
        held_to="upper 90 % bound of the reference window",
        bound=0.057,
        baseline=0.05,
        threshold=26.0,
        tempered=1.0,
        status="act",
        reason="The chart reached 27.5 of 26.",
        weeks=tuple(weeks),
    )


def _confidence() -> list[Confidence]:
    curve = tuple((0.02 * k, 0.12 * (0.02 * k) ** 2) for k in range(1, 51))
    whole = Confidence(
        task="classification",
        version="2.1",
        item="",
        n=40_120,
        brier=0.081,
        miscalibration=0.004,
        discrimination=0.052,
        uncertainty=0.129,
        p_value=0.00003,
        curve=curve,
        area=0.04,
        oracle=0.008,
        safe=SafeCoverage(0.05, 0.95, 0.6, 0.91, 0.043, 0.049, ""),
        sampled=None,
        monitor="calibration",
        recalibrated=Recalibrated(0.081, 0.079, 0.129, 0.002, -0.001, 0.005, 0.05, 0.045, 0.055),
        safe_present=SafeCoverage(0.05, 0.95, 0.3, 0.97, 0.041, 0.048, ""),
    )
    alone = replace(whole, n=2_900, p_value=0.2, curve=(), area=None, oracle=None, safe=None, safe_present=None)
    single = [replace(alone, item=item, miscalibration=0.001 * i) for i, item in enumerate(FINDINGS)]
    return [whole, *single]


def _reliability() -> list[ReliabilityBin]:
    bins = []
    for i, item in enumerate(("", *FINDINGS)):
        for k in range(10):
            confidence = 0.05 + 0.1 * k
            frequency = max(0.0, confidence - 0.012 * k - 0.001 * i)
            half = 0.01 + 0.006 * k
            bins.append(
                ReliabilityBin(
                    "classification",
                    "2.1",
                    item,
                    k / 10,
                    (k + 1) / 10,
                    4000.0 / (k + 1),
                    confidence,
                    frequency,
                    max(0.0, frequency - half),
                    min(1.0, frequency + half),
                    max(0.0, confidence - half),
                    min(1.0, confidence + half),
                )
            )
    return bins


def _trend() -> list[TrendPoint]:
    points = []
    for measure, title, level in (
        ("contradicted_reports", "Reports with at least one contradicted finding", 0.045),
        ("unsupported_reports", "Reports with at least one unsupported finding", 0.13),
    ):
        for week in range(12):
            value = level * (1 + (week > 7) * (week - 6) * 0.2) + 0.004 * ((week * 7) % 5 - 2)
            points.append(
                TrendPoint(
                    measure,
                    title,
                    "report",
                    "2.0" if week < 6 else "2.1",
                    "all",
                    _START + timedelta(weeks=week),
                    None if week == 3 else value,
                    None if week == 3 else value - 0.02,
                    None if week == 3 else value + 0.03,
                    0.0 if week == 3 else 100.0,
                    week < 10,
                    **_at_the_reference_mix(measure, week, value),
                )
            )
    return points


def _at_the_reference_mix(measure: str, week: int, value: float) -> dict[str, Any]:
    """Of one measure crude, standardised and what was seen; of the other why it is crude alone."""
    if week == 3:
        return {}
    if measure != "contradicted_reports":
        return {"not_standardised": "It is no ratio of two sums."}
    if week == 8:
        return {"covered": 0.72, "outside": 0.0, "not_standardised": "insufficient: 72 % of the case mix was seen"}
    mixed = value - 0.004
    return {
        "standardised": mixed,
        "standardised_low": mixed - 0.02,
        "standardised_high": mixed + 0.03,
        "difference": 0.004,
        "covered": 1.0,
        "outside": None if week == 5 else 0.15,
    }


def _drift() -> list[DriftColumn]:
    return [
        DriftColumn(
            "vendor",
            "Vendor",
            0.21,
            0.05,
            True,
            "Jensen–Shannon distance",
            ("Alder", "Birch", "(missing)"),
            (0.7, 0.28, 0.02),
            (0.45, 0.54, 0.01),
            0.2,
            "Jensen-Shannon",
        ),
        DriftColumn(
            "length",
            "Words in the draft",
            0.06,
            0.055,
            True,
            "Jensen–Shannon distance",
            ("0–19", "20–39", "40–79", "80+"),
            (0.1, 0.4, 0.4, 0.1),
            (0.12, 0.44, 0.36, 0.08),
            0.07,
            "Wasserstein",
        ),
        DriftColumn(
            "age",
            "Age",
            0.03,
            0.05,
            False,
            "Jensen–Shannon distance",
            ("0-17", "18-39", "40-64", "65+"),
            (0.05, 0.25, 0.4, 0.3),
            (0.05, 0.24, 0.41, 0.3),
        ),
        DriftColumn(
            "sex", "Sex", 0.01, 0.05, False, "Jensen–Shannon distance", ("F", "M"), (0.5, 0.5), (0.49, 0.51)
        ),
        DriftColumn(
            "view", "View", 0.02, 0.05, False, "Jensen–Shannon distance", ("AP", "PA"), (0.4, 0.6), (0.42, 0.58)
        ),
    ]


def _exemplars() -> list[Exemplar]:
    draft = "There is a large right pleural effusion with adjacent collapse."
    return [
        Exemplar(
            "9f2c41d07a",
            "FAB",
            "contradicted",
            "Pleural effusion",
            "urgent",
            draft,
            (11, 39),
            "No pleural effusion is seen.",
            (0, 19),
            "site=East",
        ),
        Exemplar(
            "17ab0c33e2",
            "LAT",
            "laterality",
            "Pneumothorax",
            "urgent",
            "Small left apical pneumothorax.",
            (6, 10),
            "Small right apical pneumothorax.",
            (6, 11),
        ),
        Exemplar(
            "55d0e9f1b4",
            "OMI",
            "omitted",
            "Lung nodule",
            "actionable",
            "",
            None,
            "A nodule of 9 mm lies in the left upper lobe.",
            (2, 16),
        ),
    ]


def sample() -> Dossier:
    """A system with report drafts and scores of 14 findings, slices, a version change and planted trouble."""
    return Dossier(
        system="northfield-drafts",
        title="Northfield chest radiograph drafts",
        owner="AI committee, Northfield Hospital",
        intended_use="Drafts of reports on adult chest radiographs, always read and signed by a radiologist",
        timezone="Europe/Berlin",
        versions=("2.0", "2.1"),
        current_version="2.1",
        start=_START,
        end=_END,
        as_of=datetime(2026, 10, 5, 6, 30, tzinfo=UTC),
        status="act",
        maturity_days=14,
        simulated=True,
        flows=(
            Flow("report", "2.1", 1312, 1240, 1204, 72, 11, 25, 0, 0, 1290, 1003, 0.0),
            Flow("report", "2.0", 1180, 1175, 1170, 5, 2, 3, 0, 0, 1150, 911, 0.0),
            Flow("classification", "2.1", 4012, 4012, 4012, 0, 0, 0, 0, 0, 4012, 2210, 0.0),
        ),
        rows=(*_report_rows(), *_classification_rows()),
        reliability=tuple(_reliability()),
        confidence=tuple(_confidence()),
        estimates=(
            Estimated(
                version="2.1",
                item="Edema",
                measure="estimated_sensitivity",
                title="Sensitivity (estimated)",
                unit="share",
                value=0.81,
                low=0.78,
                high=0.84,
                n=4_012,
                labelled=2_900,
                realised=0.79,
                error=0.02,
                error_low=-0.01,
                error_high=0.05,
            ),
        ),
        trend=tuple(_trend()),
        charts=(_chart(),),
        watch_list=(_listed(),),
        version_changes=((date(2026, 8, 17), "2.1"),),
        drift=tuple(_drift()),
        worst_groups=(
            WorstGroup(
                task="classification",
                version="2.1",
                measure="sensitivity",
                title="Sensitivity",
                unit="share",
                attribute="age",
                slice="age=65+",
                groups=3,
                gap=0.081,
                chance_median=0.021,
                chance_high=0.048,
                beyond_chance=True,
                held_equal=(
                    Confounder("site", 0.31, 0.04, 0.081, 0.035, -0.002, 0.071, "", 0.032, 0.131),
                    Confounder("vendor", None, None, 0.081, None, None, None, "a side was seen in 12 % only"),
                ),
            ),
        ),
        parity=(
            Parity("2.1", "sex", 2, 0.031, 0.052, ""),
            Parity("2.1", "site", 3, None, None, "a group has fewer than 11 patients"),
            Parity("2.1", "sex", 2, 0.024, 0.071, "", "pleural_effusion"),
        ),
        exemplars=tuple(_exemplars()),
        exemplar_policy="sentence",
        templates=(Templates("2.1", 1_204, 0.02, False, (Template("the lung are clear", 0.71, 0.32, True),)),),
        corrections=(),
        limits=("Error rates come from an automatic judge and are uncorrected.",),
        provenance=Provenance(
            "a-2026-10-05-1",
            "5c" * 32,
            "77" * 32,
            "0d" * 32,
            14,
            31,
            "be" * 32,
            "0.1.0",
            (("report", "rules 9a31"), ("classification", "labels 1f00")),
            (("hallucination", 1), ("calibration", 1)),
            0,
            None,
        ),
        shifts=tuple(_shifts()),
        version_effects=tuple(_splits()),
        frozen=(
            FrozenPairs(
                task="report",
                asked=200,
                week=date(2026, 9, 28),
                frozen_on=date(2026, 3, 2),
                pairs=198,
                gone=2,
                judge_first="9a31" * 8,
                judge_now="41c0" * 8,
                item="flagged",
                agreement=Estimate(0.955, 0.918, 0.978),
                moved=Estimate(-0.025, -0.058, 0.006),
                rate_first=0.141,
                rate_now=0.116,
            ),
            FrozenPairs(task="vqa", asked=500, week=date(2026, 9, 28), waiting="few", there=312),
        ),
    )


def _shifts() -> Iterator[ScoreShift]:
    """One finding of which more patients have it, one of which nothing moved, one with too few labels."""
    moved, still = Movement(0.214, 0.061, True), Movement(0.031, 0.067, False)
    for item, reading in (("Edema", "label shift"), ("Effusion", "none"), ("Pneumothorax", "cannot be told")):
        told = reading != "cannot be told"
        rose = reading == "label shift"
        yield ScoreShift(
            version="2.1",
            reference_version="2.0",
            item=item,
            reading=reading,
            scores=moved if rose else still,
            positives=still if told else None,
            negatives=still if told else None,
            prevalence=ShiftedRate(0.11, 0.22, 0.11, 0.07, 0.15, True) if rose else None,
            relation=ShiftedRate(0.19, 0.22, 0.03, 0.01, 0.05, True) if rose else None,
            if_label_shift=Estimate(0.21, 0.17, 0.25) if rose else None,
            n=4_012.0,
            labelled=2_900.0,
            patients=2_210,
            note="" if told else "fewer than an effective 30 labelled positives in this window",
        )


def _splits() -> Iterator[VersionSplit]:
    """Of the classifier some answers are shared, of the drafts none."""
    total, own, rest = Estimate(0.031, 0.012, 0.05), Estimate(0.028, 0.015, 0.041), Estimate(0.003, -0.02, 0.026)
    gap = VersionEffect(
        "calibration_gap", "Calibration gap", "difference", "scores", "", total, own, rest, 3_600.0, 401, ""
    )
    few = "an effective 21 shared positives; 30 are needed"
    missed = VersionEffect(
        "sensitivity", "Sensitivity", "share", "positives", "Edema", total, None, None, 21.0, 19, few
    )
    yield VersionSplit("classification", "2.0", "2.1", 612, 401, (gap, missed))
    yield VersionSplit("report", "2.0", "2.1", None, None, ())


def bare(**changes: Any) -> Dossier:
    """A dossier of which nothing is known yet."""
    empty: dict[str, Any] = {
        name: ()
        for name in (
            "flows",
            "rows",
            "reliability",
            "confidence",
            "estimates",
            "trend",
            "version_changes",
            "charts",
            "watch_list",
            "parity",
            "worst_groups",
            "drift",
            "exemplars",
            "templates",
            "corrections",
            "limits",
            "shifts",
            "version_effects",
            "frozen",
        )
    }
    return replace(
        sample(),
        **{
            **empty,
            "simulated": False,
            "status": "",
            "start": None,
            "end": None,
            "exemplar_policy": "none",
            **changes,
        },
    )
