"""The weekly watch list: gaps between a group and the rest in the newest mature week, of which few are chance."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa

from auditor.audit.accounting import accounted_in
from auditor.audit.tallying import DailyTallies
from auditor.audit.trending import asked_measures
from auditor.settings import AuditSettings
from monitors import frame
from monitors.catalogue import measure_named
from monitors.groups import correlation
from monitors.level import Level
from monitors.levels import Desk
from monitors.measurement import Interval, Measure, Window
from monitors.sealed import sealed_until
from monitors.threshold import SUPPRESS_BELOW
from monitors.unjudged import Counted, comparable
from monitors.watchlist import Counted as Side
from monitors.watchlist import Gap, Marked, promoted, watch_list
from reports.dossier import WatchListed

_WEEK: Final = timedelta(days=7)


def week_to_watch(settings: AuditSettings, window: Window, today: date, last_day: date | None) -> date:
    """The Monday of the newest week that is mature, lies within the window and is not after the newest output."""
    newest = sealed_until(today, settings.maturity_days)
    if last_day is not None:
        newest = min(newest, last_day - timedelta(days=last_day.weekday()))
    if window.end is None:
        return newest
    last = window.end - timedelta(days=6)
    return min(newest, last - timedelta(days=last.weekday()))


def gaps_of_weeks(
    tallies: Mapping[str, DailyTallies],
    judged: pa.Table,
    settings: AuditSettings,
    task: str,
    version: str,
    week: date,
) -> tuple[list[Gap], list[Gap]]:
    """The gaps of one task in a week and in the week before."""
    weeks = (_week(week), _week(week - _WEEK))
    accounted = [accounted_in(judged, task, version, one, settings.slice_attributes) for one in weeks]
    names = asked_measures(settings, task)
    now: list[Gap] = []
    before: list[Gap] = []
    for daily in tallies.values():
        asked = [
            (i, one)
            for i, one in enumerate(daily.monitor.measures)
            if one.name in names and one.interval is Interval.JEFFREYS and one.high == 1 and one.scope != "item"
        ]
        if asked:
            parent = daily.over(Window())
            desk = Desk(daily.monitor, parent, version, parent)
            # of the limits so far out that a small p-value asks for
            desk = desk.far_out(desk.alpha)
            now += _gaps(daily, desk, settings, asked, weeks[0], accounted[0])
            before += _gaps(daily, desk, settings, asked, weeks[1], accounted[1])
    return now, before


def _week(monday: date) -> Window:
    return Window(monday, monday + timedelta(days=6))


def _gaps(
    daily: DailyTallies,
    desk: Desk,
    settings: AuditSettings,
    asked: Sequence[tuple[int, Measure]],
    week: Window,
    accounted: Mapping[str, Counted],
) -> Iterator[Gap]:
    """The gap of every single slice for each share of `asked` (with its place), in one week.

    A group of which too little was judged, or another part than of the others, is not compared.
    """
    assert week.start is not None
    desk = desk.over(daily.over(week))
    if desk.version not in desk.tally.values("version"):
        return
    single = [(name,) for name in settings.slice_attributes]
    for where in frame.slices_of(desk.tally, single, version=desk.version):
        if not where.where:
            continue
        inside, rest = desk.cuts.inside(where, ""), desk.cuts.rest(where, "")
        for index, one in asked:
            first, second = desk.level(inside, index, ""), desk.level(rest, index, "")
            if min(first.patients, second.patients) < SUPPRESS_BELOW or not comparable(one, accounted, str(where)):
                continue
            r = correlation(first.without, second.without)
            yield Gap(
                settings.system,
                week.start,
                one.name,
                "",
                str(where),
                one.direction,
                _side(first),
                _side(second),
                r,
            )


def _side(level: Level) -> Side:
    return Side(level.events, level.n, level.deff)


def listed(now: Sequence[Gap], before: Sequence[Gap], version: str) -> list[WatchListed]:
    """The gaps that are marked in the newest week, about one in ten of them by chance; and which were before.

    All gaps of a system and week are one family, whatever their task.
    """
    marked, earlier = watch_list(now), watch_list(before)
    again = {one.gap.name for one in promoted(marked, earlier)}
    return [_listed(one, len(marked), one.gap.name in again, version) for one in marked if one.marked]


def _listed(one: Marked, asked: int, again: bool, version: str) -> WatchListed:
    return WatchListed(
        version=version,
        measure=one.gap.measure,
        title=measure_named(one.gap.measure).title,
        slice=one.gap.slice,
        week=one.gap.week,
        gap=one.value,
        p_value=one.p if math.isfinite(one.p) else None,
        asked=asked,
        again=again,
    )


def recorded_watch(one: Mapping[str, Any]) -> WatchListed:
    """A listed gap from what the audit wrote into its details."""
    return WatchListed(**{**one, "week": date.fromisoformat(one["week"])})
