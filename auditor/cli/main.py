"""The `auditor` command: its groups, and how it refuses."""

import os
import sys

import typer

from auditor.cli import (
    alerts,
    audits,
    compare,
    incidents,
    judging,
    lookback,
    notify,
    replay,
    reviews,
    schedule,
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
    compare,
    lookback,
    reviews,
    alerts,
    incidents,
    notify,
    schedule,
    thresholds,
):
    group.add_to(app)


def _silence_libraries() -> None:
    """Switch off what libraries would send home, before any of them is imported."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def main() -> None:
    """Run the command line; a refusal is one sentence on standard error and exit code 2."""
    _silence_libraries()
    try:
        app(prog_name="auditor")
    except ValueError as refusal:
        # every error of ours that a person can mend is a ValueError of one clear sentence
        if not type(refusal).__module__.startswith(("auditor", "monitors", "reports")):
            raise
        say(str(refusal))
        sys.exit(REFUSED)
    except OSError as refusal:
        say(f"{refusal.filename or 'A file'}: {refusal.strerror or 'cannot be used'}.")
        sys.exit(REFUSED)
