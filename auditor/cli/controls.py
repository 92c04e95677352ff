"""`auditor controls`: what rules and frameworks ask for, and the evidence that this ledger holds for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.console import Json, now, print_json, print_table, say, workspace

if TYPE_CHECKING:
    from reports.controls import ControlLine, EvidenceState


def add_to(app: typer.Typer) -> None:
    app.command("controls")(controls)


def controls(
    system: Annotated[str, typer.Argument(help="The system, as 'auditor apply' registered it.")],
    framework: Annotated[str | None, typer.Option(help="Only this framework, for example EU-AI-Act.")] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="Only what has no current evidence.")] = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="The evidence items instead of controls.")] = False,
    as_json: Json = False,
) -> None:
    """What rules and frameworks ask for, with the evidence for each and what of it is missing.

    Evidence for a control is not a judgement that the control is met.
    """
    from auditor.evidence.catalogue import states
    from auditor.in_force import newest_config
    from reports.controls import assess, load, named

    matrix, ledger, at = load(), workspace().ledger(), now()
    within = {named(matrix, framework).id} if framework else {one.id for one in matrix.frameworks}
    found = states(ledger, system, at)
    lines = [line for line in assess(matrix, found) if line.control.framework in within]
    used = {item for line in lines for item, _ in line.control.evidence}
    items = [one for one in found.values() if one.item in used]
    shown = [line for line in lines if line.state == "gap"] if gaps else lines
    listed = [one for one in items if one.state != "current"] if gaps else items
    config = newest_config(ledger, system)
    simulated = config is not None and config[1].simulated
    if as_json:
        about = {"matrix": matrix.version, "system": system, "at": at, "simulated": simulated}
        content = {"evidence": [_item(one) for one in listed]}
        print_json(about | (content if evidence else {"controls": [_control(line, found) for line in shown]}))
        return
    data = ", simulated data" if simulated else ""
    if evidence:
        _print_evidence(f"Evidence for {system}{data}", listed, at)
    else:
        _print_controls(f"Controls, matrix {matrix.version}, {system}{data}", shown)
    missing = sum(line.state == "gap" for line in lines)
    say(f"{missing} of {len(lines)} controls have a gap. Evidence for a control does not mean that it is met.")


def _print_controls(title: str, lines: Sequence["ControlLine"]) -> None:
    if not lines:
        say("No gap.")
        return
    print_table(
        title,
        ("framework", "control", "asks for", "evidence", "state"),
        [
            (
                line.control.framework,
                line.control.id,
                " ".join(filter(None, (line.control.asks, _status(line)))),
                ", ".join(item for item, _ in line.control.evidence) or "–",
                f"{line.state}: {line.why}" if line.why else line.state,
            )
            for line in lines
        ],
    )


def _print_evidence(title: str, items: Sequence["EvidenceState"], at: datetime) -> None:
    if not items:
        say("All of this evidence is current.")
        return
    print_table(
        title,
        ("item", "title", "state", "age", "where", "note"),
        [
            (
                one.item,
                one.title,
                one.state,
                f"{max(0, (at - one.at).days)} days" if one.at else "–",
                one.where or "–",
                one.note,
            )
            for one in items
        ],
    )


def _status(line: "ControlLine") -> str:
    """What must be known of the control besides, in brackets; nothing where it is simply in force."""
    control = line.control
    words = [control.status] if control.status != "in force" else []
    words += ["verify before relying on it"] if control.verify else []
    return f"({'; '.join(words)})" if words else ""


def _control(line: "ControlLine", states: Mapping[str, "EvidenceState"]) -> dict[str, object]:
    control = line.control
    links = [
        {"item": item, "relation": relation, "state": states[item].state} for item, relation in control.evidence
    ]
    about = {name: getattr(control, name) for name in ("framework", "id", "asks", "status", "verify", "note")}
    return about | {"evidence": links, "state": line.state, "missing": list(line.missing), "why": line.why}


def _item(one: "EvidenceState") -> dict[str, object]:
    return {name: getattr(one, name) for name in ("item", "title", "state", "at", "where", "note")}
