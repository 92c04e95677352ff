"""The charts of the stop questions: sealed weeks against what they are held to, and what each chart says."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from auditor.audit.scope import Scope
from auditor.audit.sealing import Sealed
from auditor.audit.seen_weeks import judged_share, missing_weeks
from auditor.audit.verdicts import Ruled
from auditor.rules.named import share_of_budget
from auditor.settings import AuditSettings, StopQuestion
from monitors.catalogue import measure_named
from monitors.charts import cusum
from monitors.charts.confidence import beta_mixture
from monitors.charts.null import Null, NullError, baseline, tolerable
from monitors.charts.shiryaev_roberts import Chart, Point, arl_weeks, watch, weeks_to_see
from monitors.sealed import SealedError, WeekCounts, design_of_groups
from monitors.threshold import SUPPRESS_BELOW, Status, Verdict
from monitors.unjudged import LEAST, Accounted
from reports import dossier as d
from reports.numbers import day

#: An alarm calls for action while it is among so many of the newest sealed weeks; then it is history to watch.
FRESH: Final = 4
#: A chart on which a doubling would take longer than this tells too little to be called quiet.
LONGEST: Final = 13.0
#: So many of the newest weeks that could be sealed without a number: the chart then tells nothing of now. They lie
#: behind the day of the audit by `maturity_days` and two weeks.
STALE: Final = 2


@dataclass(frozen=True)
class Watched:
    """The chart of one question and version. `null` is None where there is nothing to hold to; `why` says so."""

    question: StopQuestion
    version: str
    null: Null | None
    why: str
    threshold: float
    points: tuple[Point, ...] = ()
    sequence: tuple[tuple[float, float], ...] = ()  # 95 % at all weeks at once, for the rate since the chart began
    doubling: float = math.inf  # weeks until a doubling would be seen, at the least
    judged: float = 1.0  # share of the picked outputs that were judged
    missing: int = 0  # newest weeks that could be sealed and have no number, while no later version has one

    @property
    def seen(self) -> list[Point]:
        """The weeks in which something was counted."""
        return [point for point in self.points if point.n]

    @property
    def rate(self) -> float:
        """The rate of bad outcomes that is thought usual: the baseline's estimate, else the tolerable rate."""
        assert self.null
        return self.null.estimate if math.isfinite(self.null.estimate) else self.null.bound


def charts_of(scope: Scope, question: StopQuestion, sealed: Sealed, accounted: Accounted) -> list[Watched]:
    """The charts of every version that has sealed weeks to watch, up to the end of the audit's window.

    `accounted` is what of the window's outputs could be judged, for measures of which the weeks do not tell.
    """
    settings = scope.settings
    threshold = arl_weeks(1, share_of_budget(settings, question))
    watched = [week for week in sealed.weeks if _watched(week, question, scope)]
    versions = list(dict.fromkeys(week.version for week in sorted(watched, key=lambda one: one.week)))
    made = []
    for i, version in enumerate(versions):
        null, why = _null(question, sealed, settings, version)
        own = [week for week in watched if week.version == version]
        if null is None:
            made.append(Watched(question, version, None, why, threshold))
            continue
        chart = Chart(version, null, threshold, deff=null.temper)
        _, points = watch(chart, own)
        made.append(
            Watched(
                question,
                version,
                null,
                "",
                threshold,
                tuple(points),
                _sequence(points, null, sealed, version),
                weeks_to_see(chart, own),
                judged_share(question, own, accounted),
                missing_weeks(own, [week for week in watched if week.version in versions[i + 1 :]], scope),
            )
        )
    return made


def _watched(week: WeekCounts, question: StopQuestion, scope: Scope) -> bool:
    """Weeks after the reference window (all of them, where a tolerable rate was approved) within the window."""
    ended = scope.window.end is None or week.week + timedelta(days=6) <= scope.window.end
    reference = scope.settings.reference_window.end
    return ended and (question.tolerable is not None or (reference is not None and week.week > reference))


def _null(
    question: StopQuestion, sealed: Sealed, settings: AuditSettings, version: str
) -> tuple[Null | None, str]:
    """What a version is held against, or why there is nothing: its own reference weeks, else those of the last."""
    if question.tolerable is not None:
        return tolerable(question.tolerable), ""
    window = settings.reference_window
    assert window.start and window.end  # the settings see to it
    weeks = [w for w in sealed.weeks if window.start <= w.week and w.week + timedelta(days=6) <= window.end]
    versions = list(dict.fromkeys(week.version for week in sorted(weeks, key=lambda one: one.week)))
    if not versions:
        return None, "The reference window holds no sealed week."
    base = version if version in versions else versions[-1]
    try:
        deff = design_of_groups(sealed.reference_groups.get(base, np.zeros((256, 2)))).deff
        return baseline([week for week in weeks if week.version == base], settings.case_mix, deff), ""
    except (NullError, SealedError) as error:
        return None, str(error)


def _sequence(points: list[Point], null: Null, sealed: Sealed, version: str) -> tuple[tuple[float, float], ...]:
    """At the design effect of the baseline, which is fixed, so that what was drawn of a past week stays.

    A tolerable rate has no baseline: the design effect is then that of all weeks so far.
    """
    deff = null.deff
    if math.isnan(deff):
        kept = (sealed.reference_groups, sealed.watched_groups)
        groups = sum((of[version] for of in kept if version in of), np.zeros((256, 2)))
        if not groups[:, 0].sum():
            return ()
        deff = design_of_groups(groups).deff
    n, events = (np.cumsum([getattr(point, name) for point in points], dtype=float) for name in ("n", "events"))
    low, high = beta_mixture(n, events, deff=deff)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def rule_on_charts(charts: list[Watched], settings: AuditSettings, current_version: str) -> list[Ruled]:
    """The verdict of every chart; a question without any chart of the current version is `insufficient`."""
    made = []
    for question in settings.stop_questions:
        own = [chart for chart in charts if chart.question == question]
        for chart in own:
            rule = _rule(question, chart.version)
            made.append(Ruled(rule, verdict_of(chart), None, chart.version == current_version))
        if not any(chart.version == current_version for chart in own):
            days = f"a week is sealed {settings.maturity_days} days after it ends"
            reason = f"No week of version {current_version} to watch is sealed yet: {days}."
            verdict = Verdict(Status.INSUFFICIENT, reason)
            made.append(Ruled(_rule(question, current_version), verdict, None, True))
    return made


def verdict_of(chart: Watched) -> Verdict:
    """`act` on an alarm in the newest four weeks, `watch` on an older one; never `ok` where a chart is blind."""
    if chart.null is None:
        return Verdict(Status.INSUFFICIENT, chart.why)
    alarms = [i for i, point in enumerate(chart.points) if point.alarm]
    if alarms:
        last = chart.points[alarms[-1]]
        since = day(last.changed or last.week)
        said = (
            f"The chart reached {last.statistic:.3g} of {last.threshold:.0f} in the week of {day(last.week)}; the "
            f"change began most likely in the week of {since} and looks like a {last.rise:g}-fold rise."
        )
        fresh = alarms[-1] >= len(chart.points) - FRESH
        return Verdict(Status.ACT if fresh else Status.WATCH, said)
    if silent := _silent(chart):
        return Verdict(Status.INSUFFICIENT, silent)
    said = f"{_stands(chart)}; a doubling would be seen in {math.ceil(chart.doubling)} weeks or more."
    return Verdict(Status.OK, said)


def _silent(chart: Watched) -> str:
    """Why a chart without an alarm may not be called quiet, or an empty string."""
    if not chart.seen:
        return "None of the outputs of its sealed weeks could be judged."
    stands, weeks = _stands(chart), math.inf if math.isinf(chart.doubling) else math.ceil(chart.doubling)
    if chart.missing >= STALE:
        last = f"none of the {chart.missing} weeks after that of {day(chart.seen[-1].week)} has a number"
        return f"{stands}, but tells nothing of now: {last}."
    if chart.doubling > LONGEST:
        seen = "never" if math.isinf(weeks) else f"not before {weeks} weeks"
        return f"{stands}, but a doubling would be seen {seen}."
    if len(chart.seen) < chart.doubling:
        return f"{stands}: too few, since a doubling would be seen in {weeks} weeks or more."
    if chart.judged < LEAST:
        few = f"only {math.floor(100 * chart.judged)} % of the outputs could be judged"
        return f"{stands}, but {few}: the others may differ, and settle it."
    return ""


def _stands(chart: Watched) -> str:
    weeks = "one sealed week" if len(chart.seen) == 1 else f"{len(chart.seen)} sealed weeks"
    return f"The chart stands at {chart.points[-1].statistic:.2g} of {chart.threshold:.0f} after {weeks}"


def _rule(question: StopQuestion, version: str) -> dict[str, Any]:
    about = question.model_dump(mode="json")
    return about | {"rule": "stop_question", "contrast": "chart", "version": version, "item": question.item or ""}


def as_reported(chart: Watched) -> d.Chart:
    """The chart as a report shows it; weeks of fewer than eleven patients without their counts."""
    measure = measure_named(chart.question.measure)
    null = chart.null
    familiar = _familiar(chart)
    return d.Chart(
        measure=measure.name,
        title=measure.title,
        task=chart.question.task,
        version=chart.version,
        item=chart.question.item or "",
        lower_is_worse=str(measure.direction).startswith("lower"),
        held_to=str(null.origin) if null else "",
        bound=null.bound if null else None,
        baseline=_known(null.estimate) if null else None,
        threshold=chart.threshold,
        tempered=null.temper if null else 1.0,
        status=str(verdict_of(chart).status),
        reason=verdict_of(chart).reason,
        weeks=tuple(
            replace(_week(point, i, chart), cusum=height, cusum_alarm=alarm)
            for i, (point, (height, alarm)) in enumerate(zip(chart.points, familiar.weeks, strict=True))
        ),
        cusum_limit=familiar.limit,
    )


class _Familiar(NamedTuple):
    limit: float | None
    weeks: list[tuple[float | None, bool]]


def _familiar(chart: Watched) -> _Familiar:
    """The CUSUM of the same weeks, with as many weeks between false alarms as it would have in theory."""
    n, events = (np.array([getattr(point, name) for point in chart.points], float) for name in ("n", "events"))
    made = cusum.beside(n, events, chart.rate, chart.threshold) if chart.null else None
    if made is None:
        return _Familiar(None, [(None, False)] * len(chart.points))
    path, alarms, limit = made
    return _Familiar(limit, list(zip(path.tolist(), alarms.tolist(), strict=True)))


def _week(point: Point, i: int, chart: Watched) -> d.ChartWeek:
    small = point.n < SUPPRESS_BELOW
    low, high = chart.sequence[i] if chart.sequence else (None, None)
    return d.ChartWeek(
        week=point.week,
        n=None if small else point.n,
        events=None if small else point.events,
        expected=None if small else point.expected,
        statistic=point.statistic,
        alarm=point.alarm,
        changed=point.changed,
        rise=_known(point.rise),
        low=None if small else low,
        high=None if small else high,
    )


def chart_row(chart: d.Chart) -> dict[str, Any]:
    """A chart as JSON can hold it."""
    weeks = [
        asdict(one) | {"week": one.week.isoformat(), "changed": one.changed and one.changed.isoformat()}
        for one in chart.weeks
    ]
    return asdict(chart) | {"weeks": weeks}


def recorded_chart(one: Mapping[str, Any]) -> d.Chart:
    """A chart from what the audit wrote into its details."""
    weeks = tuple(
        d.ChartWeek(
            **{
                **week,
                "week": date.fromisoformat(week["week"]),
                "changed": date.fromisoformat(week["changed"]) if week["changed"] else None,
            }
        )
        for week in one["weeks"]
    )
    return d.Chart(**{**one, "weeks": weeks})


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
