"""Commands that set things up and keep them: init, apply, verify, backup, restore, demo."""

import json
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.console import Json, actor, now, print_json, print_table, say, workspace

if TYPE_CHECKING:
    from auditor.settings import AuditSettings

TEMPLATES = ("report", "classifier", "vqa", "search")


class TemplateError(ValueError):
    """The asked template does not exist."""


class ApplyError(ValueError):
    """An audit.yaml that cannot be applied."""


def add_to(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(apply)
    app.command()(verify)
    app.command()(backup)
    app.command()(restore)
    app.command()(demo)


def init(
    path: Annotated[Path | None, typer.Argument(help="Folder of the workspace (default ./workspace).")] = None,
    template: Annotated[
        str, typer.Option(help="Start audit.yaml for: report, classifier, vqa or search.")
    ] = "report",
    as_json: Json = False,
) -> None:
    """Make a workspace (ledger, lake, key, a commented audit.yaml), or bring an older one up to this version."""
    from auditor.settings import Environment
    from auditor.workspace import create, upgrade

    if template not in TEMPLATES:
        raise TemplateError(f"There is no template {template!r}; choose one of {', '.join(TEMPLATES)}.")
    environment = Environment()
    folder = path or environment.workspace
    if (older := upgrade(environment, folder)) is not None:
        if as_json:
            print_json({"workspace": str(older.path), "upgraded": True})
        else:
            say(f"{older.path}: the ledger was brought up to this version; nothing that was recorded has changed.")
        return
    made = create(environment, folder, now())
    audit_yaml = made.path / "audit.yaml"
    if not audit_yaml.exists():
        audit_yaml.write_text(resources.files("auditor").joinpath(f"templates/{template}.yaml").read_text())
    if as_json:
        print_json({"workspace": str(made.path), "audit_yaml": str(audit_yaml), "key_file": str(made.key_file)})
        return
    say(
        f"Workspace: {made.path}\n"
        f"Settings:  {audit_yaml} (edit it, then: auditor apply {audit_yaml})\n"
        f"Key:       {made.key_file}\n"
        "The key turns patient identifiers into pseudonyms and is kept outside the workspace: back it up. "
        "Without it, new rows cannot be joined to old ones.\n"
        f"Signing:   {made.signing_key_file} signs the journal and sign-offs; back it up too."
    )
    if folder != Path("workspace"):
        say(f"Tell later commands where it is: export AUDITOR_WORKSPACE={made.path}")


def apply(
    file: Annotated[Path, typer.Argument(help="The audit.yaml of a system.", exists=True, dir_okay=False)],
    reason: Annotated[str, typer.Option(help="Why the settings change; kept with them.")] = "",
    as_json: Json = False,
) -> None:
    """Register a system, or a new version of its settings: tasks, slices, thresholds.

    Where rules change, shows how, and asks why: the reason stands in every later report.
    """
    from auditor.registry import apply_settings
    from auditor.rules.register import changes
    from auditor.settings import parse_settings

    ledger, text = workspace().ledger(), _text(file)
    differences = [change.words for change in changes(ledger, parse_settings(text, str(file)))]
    for words in differences:
        say(words)
    if differences and not reason.strip():
        if not sys.stdin.isatty():
            raise ApplyError("Rules change: say why with --reason. Nothing was applied.")
        reason = typer.prompt("Why do these rules change?")
    result = apply_settings(ledger, text, str(file), actor(), now(), reason.strip())
    if as_json:
        about = {"system": result.system, "config": result.config, "changed": result.changed}
        print_json(about | {"rules": differences})
        return
    words = "applied" if result.changed else "unchanged: these settings are in force already"
    say(f"{result.system}: {words} (settings {result.config[:12]}).")


def settings_from(file: Path) -> "AuditSettings":
    """The settings in a file. Raises ApplyError or SettingsError."""
    from auditor.settings import parse_settings

    return parse_settings(_text(file), str(file))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ApplyError(f"{file} is not UTF-8 text; save it as UTF-8 and apply it again.") from None


def verify(
    recompute: Annotated[
        str | None, typer.Option(help="Also make the newest audit of this system again, from its rows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that the record is as it was written; name the first thing that is not.

    Recomputes the journal's chain, holds every table against it, every segment and report against its hash, every
    sign-off against its key, and the journal against its signed anchors. Lists files that nobody registered.
    """
    from auditor.issuing.checking import anchors_of, check_workspace
    from auditor.issuing.recompute import recompute as made_again
    from auditor.settings import Environment
    from auditor.store.verify import verify as check

    place = workspace()
    ledger, lake = place.ledger(), place.lake()
    found = check(ledger, lake)
    problems = [*found.problems, *check_workspace(place, ledger, lake, Environment().trusted_key)]
    again = made_again(ledger, lake, recompute) if recompute else None
    problems += again.problems if again else ()
    anchors = anchors_of(place)
    if as_json:
        print_json(
            {
                "ok": not problems,
                "problems": [{"kind": p.kind, "place": p.place, "sentence": p.sentence} for p in problems],
                "unregistered": list(found.rubbish),
                "journal_entries": found.entries,
                "segments": found.segments,
                "anchors": anchors,
                "recomputed": again.compared if again else None,
                "head": found.head[1],
            }
        )
    else:
        for problem in problems:
            say(problem.sentence)
        for name in found.rubbish:
            say(f"Not registered, can be removed: {name}")
        if again:
            say(again.note)
        if not anchors:
            say(
                "No anchor was found, so a journal that was rewritten as a whole would not be seen: auditor anchor"
            )
        if not problems:
            head = found.head[1][:16]
            say(
                f"Intact: {found.entries:,} journal entries, {found.segments:,} segments, {anchors:,} anchors; "
                f"head {head}."
            )
    if problems:
        raise typer.Exit(1)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; must not exist yet.")],
    as_json: Json = False,
) -> None:
    """Write ledger, lake and settings into one file, for any database; others may work meanwhile.

    It holds report texts: keep it as you keep reports. The key is not in it: back it up apart from it.
    """
    from dataclasses import asdict

    from auditor.backup import backup as write

    place = workspace()
    made = write(place, file, now())
    if as_json:
        print_json(asdict(made))
        return
    say(
        f"{made.file}: {made.entries:,} journal entries, {made.segments:,} segments, {made.bytes / 1e6:,.1f} MB; "
        f"head {made.head[:16]}.\nThe key {place.key_file} is not in it: back it up in another place."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="A back-up.", exists=True, dir_okay=False)],
    path: Annotated[Path, typer.Argument(help="Folder of the workspace; new or empty.")],
    as_json: Json = False,
) -> None:
    """Make a workspace from a back-up and verify it. AUDITOR_LEDGER may name another database than before."""
    from auditor.backup import restore as read
    from auditor.settings import Environment

    place, found = read(Environment(), file, path)
    if as_json:
        about = {"workspace": str(place.path), "ok": found.ok, "entries": found.entries, "head": found.head[1]}
        print_json(about | {"segments": found.segments, "key": place.key_file.exists()})
    else:
        for problem in found.problems:
            say(problem.sentence)
        held = f"{found.entries:,} journal entries, {found.segments:,} segments; head {found.head[1][:16]}."
        say(f"{place.path}: {held}")
        if not place.key_file.exists():
            say(f"Bring the key back to {place.key_file}, or set AUDITOR_KEY_FILE, before taking in new files.")
    if not found.ok:
        raise typer.Exit(1)


def demo(
    path: Annotated[Path, typer.Option("--workspace", help="Where to write it.")] = Path("demo-workspace"),
    seed: Annotated[int, typer.Option(help="Another simulated hospital.")] = 0,
    serve: Annotated[
        bool, typer.Option("--serve", help="Open the dashboard on it; an earlier demo is served as it is.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the dashboard.")] = 8765,
    as_json: Json = False,
) -> None:
    """A simulated hospital with planted faults; audits it and says which were found (exit 0 when all were)."""
    from auditor.cli.console import progress_bar
    from auditor.cli.serve import serve_demo
    from auditor.demo.run import is_demo, run_demo

    if serve and is_demo(path):
        serve_demo(path, port)
        return
    with progress_bar() as progress:
        result = run_demo(path, seed, progress)
    if as_json:
        print_json(json.loads(result.to_json()))
    else:
        columns = ("planted", "since", "found", "detected", "by")
        print_table(
            "Simulated hospital: planted faults",
            columns,
            [
                (f.fault, f.since, "yes" if f.found else "NO", f.detected or "–", f.by or "–")
                for f in result.planted
            ],
        )
        print_table(
            "Alerts that its half year opened",
            ("alert", "opened", "severity", "about", "why"),
            [(a.alert, a.opened, a.severity.upper(), a.about, f"{a.reason} {a.cause}") for a in result.alerts],
        )
        say(f"Report:    {result.report}\nWorkspace: {result.workspace}")
        if result.alerts:
            first = result.alerts[0].alert
            say(f"Answer them: AUDITOR_WORKSPACE={result.workspace} auditor alerts show {first}")
        say("All of it is simulated: no patient, no hospital, no real model.")
    if serve:
        serve_demo(path, port)
    raise typer.Exit(0 if all(f.found for f in result.planted) else 1)
