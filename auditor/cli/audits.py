"""The command that measures: audit."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.console import (
    EXIT,
    DateError,
    Json,
    actor,
    day,
    now,
    print_json,
    print_table,
    progress_bar,
    say,
    workspace,
)

if TYPE_CHECKING:
    from reports.dossier import Dossier, Row

_GRAVEST_FIRST = ("failed", "act", "stale", "watch", "insufficient", "ok")


def add_to(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    system: Annotated[str, typer.Argument(help="The system, as named in its audit.yaml.")],
    start: Annotated[str | None, typer.Option("--from", help="First day of the window, 2026-03-01.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day of the window, included.")] = None,
    as_of: Annotated[str | None, typer.Option(help="See only what had been received by then.")] = None,
    as_json: Json = False,
) -> None:
    """Judge, measure, decide and record; prints a table.

    Exit code: 0 ok or watch, 1 act, 2 error, 3 insufficient or stale.
    """
    from auditor.audit.run import run_audit
    from auditor.audit.scope import newest_settings
    from auditor.signing.anchors import anchor_now

    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    with progress_bar() as progress:
        result = run_audit(
            ledger,
            lake,
            system,
            as_of=_moment(as_of) or now(),
            clock=now,
            actor=actor(),
            start=day(start, "--from"),
            end=day(end, "--to"),
            progress=progress,
        )
        problem = _mirror(ledger, lake, system, newest_settings(ledger, system)[1], place.mlflow_uri)
    from auditor.audit.dossier import dossier_of

    dossier = dossier_of(ledger, system, result.audit)
    if as_json:
        print_json(_as_json(dossier, result.cached))
    else:
        _print(dossier, result.cached)
    for sentence in (problem, anchor_now(place, ledger, actor(), now())):
        if sentence:
            say(sentence)
    raise typer.Exit(EXIT[result.status])


def _mirror(ledger: Any, lake: Any, system: str, settings: Any, uri: str) -> str | None:
    """Bring MLflow up to date; imported only when something waits, since MLflow is slow to load."""
    import sqlalchemy as sa

    from auditor.store import tables as t

    waiting = ledger.read(sa.select(t.mirrors.c.audit).where(t.mirrors.c.status != "written").limit(1))
    if not waiting:
        return None
    from auditor.tracking import mirror

    return mirror(ledger, lake, system, settings, uri, now, actor())


def _print(dossier: "Dossier", cached: bool) -> None:
    from reports.numbers import basis, days, result

    for flow in dossier.flows:
        say(
            f"{dossier.system} {flow.version}, {flow.task}: audited {flow.judged:,} of {flow.outputs:,} outputs "
            f"({flow.awaiting:,} awaiting a reference), {days(dossier.start, dossier.end)}"
        )
    ruled = sorted((row for row in dossier.rows if row.status), key=lambda row: _GRAVEST_FIRST.index(row.status))
    print_table(
        f"{dossier.title}: {dossier.status.upper()}",
        ("verdict", "measure", "where", "value [interval]", "measured on", "bounds"),
        [
            (row.status, row.title, _where(row), result(row), basis(row), _bounds(row))
            for row in ruled
            if not row.suppressed
        ],
        right=("value [interval]",),
    )
    hidden = sum(row.suppressed for row in ruled)
    if hidden:
        say(f"{hidden} more groups are suppressed: they or their neighbours have fewer than 11 patients.")
    for row in ruled:
        if row.status in ("act", "failed", "stale"):
            where = _where(row)
            say(f"{row.status}: {row.title}{where and f', {where}'}: {row.reason}")
    again = " (nothing has changed since it was made)" if cached else ""
    say(f"Audit {dossier.provenance.audit}{again}. Report: auditor report {dossier.system}")


def _where(row: "Row") -> str:
    from reports.numbers import item_name, slice_name

    parts = [row.version, item_name(row.item), "" if row.slice == "all" else slice_name(row.slice)]
    words = {"rest": "against the rest", "reference": "against the reference window"}
    return ", ".join(filter(None, [*parts, words.get(row.contrast, "")]))


def _bounds(row: "Row") -> str:
    from reports.numbers import number

    found = [("watch", row.watch), ("act", row.act)]
    return ", ".join(f"{word} {number(b, row.unit, row.contrast)}" for word, b in found if b is not None)


def _as_json(dossier: "Dossier", cached: bool) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "audit": dossier.provenance.audit,
        "system": dossier.system,
        "status": dossier.status,
        "cached": cached,
        "restates": dossier.provenance.restates,
        "as_of": dossier.as_of,
        "from": dossier.start,
        "to": dossier.end,
        "flows": [asdict(flow) for flow in dossier.flows],
        "verdicts": [asdict(row) for row in dossier.rows if row.status],
        "measurements": [asdict(row) for row in dossier.rows],
    }


def _moment(text: str | None) -> datetime | None:
    """A moment; without a zone it is UTC, and a day alone means its end."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DateError("--as-of must be a time such as 2026-03-01 or 2026-03-01T08:00+01:00.") from None
    if len(text) == 10:
        found = found.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
