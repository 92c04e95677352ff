"""What is not as it was in the report before: verdicts, versions, rules, alerts, restated numbers."""

from collections.abc import Iterator, Sequence

from reports.briefing import Briefing, Change
from reports.dossier import Dossier, Row
from reports.headline import title_of
from reports.numbers import day, item_name, number, result, slice_name

Content = tuple[Briefing, Sequence[Dossier]]


def changes(before: Content, now: Content) -> tuple[Change, ...]:
    """The gravest kind first: what the committee asked about, then what happened around it."""
    then = {one.system: one for one in before[1]}
    found: list[Change] = []
    for dossier in now[1]:
        if (earlier := then.get(dossier.system)) is None:
            if before[1]:
                found.append(_change("new_system", title=dossier.title or dossier.system))
            continue
        found += _of_system(earlier, dossier)
    return tuple([*found, *_around(before[0], now[0], {one.system for one in now[1]})])


def _change(kind: str, **about: str) -> Change:
    return Change(kind, tuple(about.items()))


def _of_system(earlier: Dossier, dossier: Dossier) -> Iterator[Change]:
    title = dossier.title or dossier.system
    if earlier.status != dossier.status:
        yield _change("status", title=title, was=earlier.status, now=dossier.status)
    if earlier.current_version != dossier.current_version:
        since = {version: start for start, version in dossier.version_changes}.get(dossier.current_version)
        yield _change("version", version=dossier.current_version, day=day(since) if since else "–")
    asked = {_question(row): row for row in earlier.rows if row.status}
    for row in dossier.rows:
        old = asked.get(_question(row))
        if old is None or not row.status or row.suppressed or old.suppressed:
            continue
        if row.version == dossier.current_version and old.status != row.status and row.slice == "all":
            yield _change("question", title=_named(row), was=old.status, now=row.status, value=result(row))
    for row in dossier.rows:
        if row.previous is not None and row.status and not row.suppressed:
            was, now = number(row.previous, row.unit, row.contrast), number(row.value, row.unit, row.contrast)
            if was != now:
                yield _change("restated", title=_named(row), old=was, now_value=now)


def _question(row: Row) -> tuple[str, ...]:
    # of the version in use, whichever it is: a committee asks about the system
    return (row.measure, row.task, row.item, row.slice, row.contrast)


def _named(row: Row) -> str:
    parts = [title_of(row), item_name(row.item), slice_name(row.slice) if row.slice != "all" else ""]
    return ", ".join(filter(None, parts))


def _around(before: Briefing, now: Briefing, systems: set[str]) -> Iterator[Change]:
    old = {one.alert: one for one in before.alerts if one.system in systems}
    new = {one.alert: one for one in now.alerts if one.system in systems}
    for name, one in new.items():
        if name not in old:
            yield _change("opened", what=one.what, alert=name)
    for name, one in old.items():
        if name not in new:
            yield _change("resolved", what=one.what, alert=name)
    known = {(one.name, one.version) for one in before.rules}
    for rule in now.rules:
        if (rule.name, rule.version) not in known:
            yield _change("rule", rule=f"{rule.name} ({rule.reason})" if rule.reason else rule.name)
