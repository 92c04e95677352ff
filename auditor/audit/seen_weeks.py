"""What a chart could see of its weeks: how much of them was judged, and how many of the newest hold nothing."""

from collections.abc import Sequence
from datetime import timedelta

from auditor.audit.scope import Scope
from auditor.settings import StopQuestion
from monitors.catalogue import measure_named
from monitors.measurement import Slice
from monitors.sealed import WeekCounts, sealed_until
from monitors.unjudged import FRAMES, Accounted, needs_reference, of_every_output

_OF_A_KIND = frozenset(name for cells in FRAMES.values() for name in cells)


def judged_share(question: StopQuestion, weeks: Sequence[WeekCounts], accounted: Accounted) -> float:
    """The share of the outputs of the weeks of one version that could be judged; 1 where that is not known.

    Of those picked, where the measure counts every judged output. Where it counts some alone (a sensitivity those
    with the disease), the weeks do not tell, and it is that of the audit's window, `accounted`.
    """
    measure = measure_named(question.measure)
    if of_every_output(measure) and measure.name not in _OF_A_KIND:
        return sum(week.n for week in weeks) / sum(week.picked for week in weeks)
    counted = accounted.get((question.task, weeks[0].version, str(Slice())))
    return counted.within(measure).share if counted and needs_reference(measure) else 1.0


def missing_weeks(weeks: Sequence[WeekCounts], later: Sequence[WeekCounts], scope: Scope) -> int:
    """How many of the newest weeks that could be sealed within the window came after the last that has a number.

    None where one of `later`, the weeks of later versions, was counted since: this one's chart has ended.
    """
    newest = sealed_until(scope.local_day, scope.settings.maturity_days)
    if scope.window.end is not None:
        last = scope.window.end - timedelta(days=6)
        newest = min(newest, last - timedelta(days=last.weekday()))
    filled = [week.week for week in weeks if week.n]
    if not filled or any(week.n and week.week > max(filled) for week in later):
        return 0
    return max(0, (newest - max(filled)).days // 7)
