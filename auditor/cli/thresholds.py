"""`auditor thresholds`: the rules in force, their history, the alarm budget, and a proposal tried on the past."""

from pathlib import Path
from typing import Annotated, Any

import typer

from auditor.cli.console import Json, now, print_json, print_table, say, workspace

System = Annotated[str | None, typer.Option(help="Only of this system.")]


def add_to(app: typer.Typer) -> None:
    thresholds = typer.Typer(
        help="Rules fixed in advance: what they are, were, and would say.", no_args_is_help=True
    )
    thresholds.command("show")(show)
    thresholds.command("budget")(budget)
    thresholds.command("backtest")(backtest)
    app.add_typer(thresholds, name="thresholds")


def show(
    system: System = None,
    history: Annotated[bool, typer.Option("--history", help="Every version, not only those in force.")] = False,
    as_json: Json = False,
) -> None:
    """The rules in force: tier, bounds, since when, by whom, and whether data had been seen by then.

    What is not measured is listed with its reason.
    """
    import sqlalchemy as sa

    from auditor.audit.scope import newest_settings
    from auditor.store import tables as t

    ledger = workspace().ledger()
    names = [system] if system else [row["name"] for row in ledger.read(sa.select(t.systems.c.name))]
    query = sa.select(t.thresholds).where(t.thresholds.c.system.in_(names))
    query = query.order_by(t.thresholds.c.system, t.thresholds.c.seq)
    rows = ledger.read(query if history else query.where(t.thresholds.c.retired_at.is_(None)))
    unmeasured = [(name, one) for name in names for one in newest_settings(ledger, name)[1].not_measured]
    if as_json:
        missing = [{"system": name, **one.model_dump()} for name, one in unmeasured]
        print_json({"rules": [dict(row) for row in rows], "not_measured": missing})
        return
    if not rows:
        say("No rules: name thresholds and stop questions in audit.yaml and apply it.")
    else:
        print_table(
            "Rules, every version" if history else "Rules in force",
            ("system", "rule", "v", "tier", "says", "since", "by", "after data?"),
            [
                (
                    row["system"],
                    row["name"],
                    f"{row['version']}",
                    row["tier"],
                    _says(row["content"]),
                    f"{row['valid_from']:%Y-%m-%d}"
                    + (f" to {row['retired_at']:%Y-%m-%d}" if row["retired_at"] else ""),
                    row["content"].get("approver") or row["actor"],
                    "yes: " + (row["reason"] or "no reason given") if row["after_seeing"] else "no",
                )
                for row in rows
            ],
            right=("v",),
        )
    for name, one in unmeasured:
        say(f"{name} does not measure {one.what}: {one.reason}")


def budget(as_json: Json = False) -> None:
    """How many false alarms a year all charts together may give, and how they are dealt."""
    import sqlalchemy as sa

    from auditor.audit.scope import newest_settings
    from auditor.rules.named import rules_of, share_of_budget
    from auditor.settings import Environment
    from auditor.store import tables as t

    ledger, allowed = workspace().ledger(), Environment().alarms_a_year
    rows: list[dict[str, Any]] = []
    for row in ledger.read(sa.select(t.systems.c.name).order_by(t.systems.c.name)):
        settings = newest_settings(ledger, row["name"])[1]
        for rule, question in zip(rules_of(settings), settings.stop_questions, strict=False):
            share = share_of_budget(settings, question)
            rows.append(
                {"system": settings.system, "chart": rule.name, "alarms_a_year": share, "weeks": 52 / share}
            )
    total = sum(row["alarms_a_year"] for row in rows)
    if as_json:
        print_json({"charts": rows, "alarms_a_year": total, "portfolio": allowed, "within": total <= allowed})
        return
    print_table(
        "False alarms that the charts may give",
        ("system", "chart", "a year", "one in"),
        [
            (row["system"], row["chart"], f"{row['alarms_a_year']:.2f}", f"{row['weeks']:,.0f} weeks")
            for row in rows
        ],
        right=("a year", "one in"),
    )
    word = "within" if total <= allowed else "MORE THAN"
    charts = "1 chart" if len(rows) == 1 else f"{len(rows)} charts"
    say(
        f"{charts}, looked at every week. If nothing were wrong we would expect at most {total:.2g} false alarms "
        f"a year: {word} the portfolio's budget of {allowed:g} (AUDITOR_ALARMS_A_YEAR)."
    )


def backtest(
    file: Annotated[
        Path, typer.Argument(help="An audit.yaml with the proposed rules.", exists=True, dir_okay=False)
    ],
    as_json: Json = False,
) -> None:
    """What proposed rules would have said of everything audited so far; records nothing."""
    from dataclasses import asdict

    from auditor.backtest import backtest as look_back
    from auditor.cli.setup import settings_from

    proposed = settings_from(file)
    found = look_back(workspace().ledger(), proposed, now())
    if as_json:
        print_json([asdict(one) | {"alarms_a_year": one.alarms_a_year} for one in found])
        return
    print_table(
        f"{proposed.system}: what the rules of {file.name} would have said",
        ("rule", "tier", "looks", "act", "watch", "cannot tell", "ok", "alarms", "a year"),
        [
            (
                one.name + (f" ({one.note})" if one.note else ""),
                one.tier,
                *(f"{count}" for count in (one.looks, one.act, one.watch, one.insufficient, one.ok, one.alarms)),
                "–" if one.alarms_a_year is None else f"{one.alarms_a_year:.1f}",
            )
            for one in found
        ],
        right=("looks", "act", "watch", "cannot tell", "ok", "alarms", "a year"),
    )
    say("A look is an audited window, or a sealed week of a chart; an alarm is an act that follows none.")


def _says(content: dict[str, Any]) -> str:
    """The bounds of a rule in a few words."""
    bounds = [f"{name} {content[name]:g}" for name in ("watch", "act", "rise") if content.get(name) is not None]
    if "alarms_a_year" in content:
        held = f"at most {content['tolerable']:g}" if content.get("tolerable") else f"as in {content['reference']}"
        bounds = [f"chart, {held}, budget {content['alarms_a_year']:g} a year"]
    if content.get("minimum_n"):
        bounds.append(f"from n = {content['minimum_n']}")
    if content.get("stop"):
        bounds.append(f"act asks to {content['stop']}")
    return ", ".join(bounds)
