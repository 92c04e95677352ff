"""The `auditor` command: its groups, and how it refuses."""

import sys

import typer

from auditor import telemetry
from auditor.cli import (
    alerts,
    audits,
    compare,
    controls,
    incidents,
    judging,
    keeping,
    lookback,
    notify,
    people,
    replay,
    reporting,
    reviews,
    schedule,
    serve,
    setup,
    thresholds,
)
from auditor.cli import intake as intake_commands
from auditor.cli.console import REFUSED, say

app = typer.Typer(
    help="An independent second reader for vision-language models in radiology.\n\n"
    "Start with 'auditor demo', or with 'auditor init', 'auditor apply', 'auditor ingest' and 'auditor audit'.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    setup,
    intake_commands,
    replay,
    judging,
    audits,
    reporting,
    compare,
    lookback,
    reviews,
    alerts,
    incidents,
    notify,
    schedule,
    thresholds,
    controls,
    people,
    keeping,
    serve,
):
    group.add_to(app)


def main() -> None:
    """Run the command line; a refusal is one sentence on standard error and exit code 2."""
    telemetry.switch_off()
    try:
        app(prog_name="auditor")
    except ValueError as refusal:
        # every error of ours that a person can mend is a ValueError of one clear sentence
        if not type(refusal).__module__.startswith(("auditor", "monitors", "reports", "dashboards")):
            raise
        say(str(refusal))
        sys.exit(REFUSED)
    except OSError as refusal:
        say(f"{refusal.filename or 'A file'}: {refusal.strerror or 'cannot be used'}.")
        sys.exit(REFUSED)
