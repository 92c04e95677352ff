"""Which trends there are, and what they are at the case mix of the reference window."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from auditor.audit.trend_mix import TrendMixes
from auditor.audit.trending import Trend, trend_of
from auditor.settings import AuditSettings, parse_settings
from monitors.calibration import CALIBRATION
from monitors.hallucination import HALLUCINATION
from monitors.measurement import Window
from monitors.performance import PERFORMANCE
from monitors.tally import Tally
from tests.monitors.population import STRATA, classifications, reports

MONDAY = date(2026, 1, 5)
YAML = """
system: small
tasks: {report: {}, classification: {}}
slices: [sex, site]
case_mix: [sex, site]
reference_window: {from: 2026-01-05, to: 2026-01-11}
"""


@dataclass
class Weeks:
    """`DailyTallies` of which every week, from the first, has a tally of its own."""

    monitor: Any
    weeks: list[Tally]

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(MONDAY + timedelta(weeks=i) for i in range(len(self.weeks)))

    def over(self, window: Window) -> Tally:
        inside = [
            tally
            for day, tally in zip(self.days, self.weeks, strict=True)
            if (window.start is None or window.start <= day) and (window.end is None or day <= window.end)
        ]
        return Tally.merge(inside)


def relabelled(table: pa.Table, **columns: Callable[[int], str]) -> pa.Table:
    for name, value in columns.items():
        made = pa.array([value(i) for i in range(table.num_rows)], table[name].type.value_type)
        table = table.set_column(table.column_names.index(name), name, made.dictionary_encode())
    return table


def drafts(seed: int, patients: int = 600, **columns: Callable[[int], str]) -> Tally:
    table = reports(np.random.default_rng(seed), patients=patients)
    return Tally.of(HALLUCINATION, relabelled(table, **columns), STRATA)


def trends(monitor: Any, weeks: list[Tally], yaml: str = YAML) -> list[Trend]:
    settings: AuditSettings = parse_settings(yaml)
    daily = Weeks(monitor, weeks)
    reference = daily.over(Window(MONDAY, MONDAY + timedelta(days=6))) if "reference_window" in yaml else None
    made = trend_of(daily, daily.over(Window()), reference, settings, Window(), date(2026, 6, 1))  # type: ignore[arg-type]
    return list(made)


def of(points: list[Trend], measure: str, item: str = "") -> list[Trend]:
    return [one for one in points if (one.measurement.measure, one.measurement.item) == (measure, item)]


def test_too_many_strata_leave_the_trend_crude_and_say_so() -> None:
    wide = drafts(1, 900, sex=lambda i: f"s{i % 7}", site=lambda i: f"u{i // 7 % 4}")
    points = of(trends(HALLUCINATION, [wide, wide]), "contradicted_reports")
    assert len(points) == 2
    for one in points:
        assert one.measurement.value > 0
        details = one.adjusted.details()
        assert details["standardised"] is None and details["covered"] is None
        assert "28 strata; at most 24" in str(details["not_standardised"])


def test_the_mix_is_of_all_reference_patients_whatever_version_read_them() -> None:
    """Version 1.9, the last by name, saw men alone."""
    first = drafts(
        2, 500, version=lambda i: "1.9" if i < 60 else "1.10", sex=lambda i: "M" if i < 60 else "FM"[i % 2]
    )
    settings = parse_settings(YAML.replace("case_mix: [sex, site]", "case_mix: [sex]"))
    one = next(m for m in HALLUCINATION.measures if m.name == "contradicted_reports")
    mix = TrendMixes.of(HALLUCINATION, first, settings.case_mix, {"": [one]}).made["", one.name]
    assert not isinstance(mix, str)
    place = HALLUCINATION.cells.index("reports")
    for (sex,), n in mix.n.items():
        assert n == first.group_totals(first.where(sex=sex))[:, place].sum()
    assert set(mix.n) == {("F",), ("M",)}


def test_a_period_with_too_little_of_the_mix_reads_insufficient() -> None:
    both, women = drafts(3, sex=lambda i: "FM"[i % 2]), drafts(4, sex=lambda i: "F")
    yaml = YAML.replace("case_mix: [sex, site]", "case_mix: [sex]")
    before, after = of(trends(HALLUCINATION, [both, women], yaml), "contradicted_reports")
    whole = before.adjusted.details()
    assert (whole["covered"], whole["outside"], whole["not_standardised"]) == (1, 0, "")
    assert whole["standardised"] == pytest.approx(before.measurement.value)
    half = after.adjusted.details()
    assert half["covered"] == pytest.approx(0.5, abs=0.05)
    assert isinstance(half["standardised"], float) and math.isnan(half["standardised"])  # null in the record
    assert str(half["not_standardised"]).startswith("insufficient: ")
    assert "90 % are needed" in str(half["not_standardised"])


def test_calibration_gap_and_brier_score_are_standardised_and_areas_say_why_not() -> None:
    yaml = YAML + (
        "thresholds:\n"
        "  - {measure: brier, watch: 0.3}\n"
        "  - {measure: calibration_error, watch: 0.3}\n"
        "  - {measure: calibration_gap, item: Nodule, watch: 0.3}\n"
    )
    tally = Tally.of(CALIBRATION, classifications(np.random.default_rng(5), patients=500), STRATA)
    points = trends(CALIBRATION, [tally], yaml)
    for measure, item in (("calibration_gap", ""), ("brier", ""), ("calibration_gap", "Nodule")):
        (one,) = of(points, measure, item)
        details = one.adjusted.details()
        assert details["standardised"] == pytest.approx(one.measurement.value)  # the reference held to itself
        low, high = details["standardised_low"], details["standardised_high"]
        assert isinstance(low, float) and isinstance(high, float)
        assert low < one.measurement.value < high
    (area,) = of(points, "calibration_error")
    assert "no ratio of two sums" in str(area.adjusted.details()["not_standardised"])
    assert not of(points, "calibration_gap", "Effusion")  # no bound names it


def test_a_finding_that_a_bound_names_has_its_own_trend_and_mix() -> None:
    yaml = YAML + "thresholds:\n  - {measure: sensitivity, item: Oedema, watch: 0.5}\n"
    tally = Tally.of(PERFORMANCE, classifications(np.random.default_rng(6), patients=500), STRATA)
    points = trends(PERFORMANCE, [tally], yaml)
    (whole,), (oedema,) = of(points, "sensitivity"), of(points, "sensitivity", "Oedema")
    assert oedema.measurement.n < whole.measurement.n
    assert oedema.adjusted.found is not None
    assert oedema.adjusted.found.n == oedema.measurement.n
    assert oedema.adjusted.found.value == pytest.approx(oedema.measurement.value)
    assert not of(points, "specificity", "Oedema")


def test_without_a_case_mix_nothing_is_said_and_without_a_reference_window_why() -> None:
    tally = drafts(7)
    plain = YAML.replace("case_mix: [sex, site]\n", "")
    assert {one.adjusted.details()["not_standardised"] for one in trends(HALLUCINATION, [tally], plain)} == {""}
    open_ended = "\n".join(line for line in YAML.splitlines() if not line.startswith("reference_window"))
    (reason,) = {one.adjusted.details()["not_standardised"] for one in trends(HALLUCINATION, [tally], open_ended)}
    assert "No reference window is declared" in str(reason)
