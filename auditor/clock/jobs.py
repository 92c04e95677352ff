"""The jobs that a schedule may name, each a function of what it may use; its sentence goes into the record.

A job may be killed at any moment and run again: audits are builds, replay asks nothing twice, and files are
written whole. A job that cannot do its work raises; the message of one of our own errors is kept, of any other
only its type, since it might quote a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditor.workspace import Workspace


class JobError(ValueError):
    """Why a job could not do its work, in one sentence."""


@dataclass(frozen=True)
class Work:
    """What a job is given. `clock` is the only source of time."""

    workspace: Workspace
    system: str
    options: Mapping[str, Any]
    clock: Callable[[], datetime]
    actor: str


@dataclass(frozen=True)
class Outcome:
    """How a run ended, in one sentence without patient data."""

    ok: bool
    note: str


def run_job(name: str, work: Work) -> Outcome:
    """Do one job; whatever happens becomes an outcome."""
    try:
        return Outcome(True, JOBS[name](work))
    except ValueError as error:
        known = type(error).__module__.startswith(("auditor", "monitors", "reports"))
        return Outcome(False, str(error) if known else _unknown(error))
    except Exception as error:  # noqa: BLE001 - a job's failure is a result; its text might quote a row
        return Outcome(False, _unknown(error))


def _unknown(error: Exception) -> str:
    return f"The job ended with an unexpected {type(error).__name__}; run it by hand to see where."


def _audit(work: Work) -> str:
    from auditor.audit.run import run_audit
    from auditor.audit.scope import newest_settings
    from auditor.signing.anchors import anchor_now
    from auditor.tracking import mirror

    ledger, lake = work.workspace.ledger(), work.workspace.lake()
    made = run_audit(ledger, lake, work.system, as_of=work.clock(), clock=work.clock, actor=work.actor)
    settings = newest_settings(ledger, work.system)[1]
    problem = mirror(ledger, lake, work.system, settings, work.workspace.mlflow_uri, work.clock, work.actor)
    said = f"{made.audit}: {made.status}" + (", as before" if made.cached else "")
    problems = [problem, anchor_now(work.workspace, ledger, work.actor, work.clock())]
    return ". ".join([said, *filter(None, problems)])


def _report(work: Work) -> str:
    from auditor.audit.pages import pages_of
    from auditor.issuing.issue import FILES, issue_fleet, issue_weekly
    from auditor.issuing.write import wanted_files, write_files
    from auditor.settings import Environment
    from auditor.signing.anchors import signing_key

    ledger, lake = work.workspace.ledger(), work.workspace.lake()
    key = signing_key(work.workspace, ledger, work.actor, work.clock())
    about: dict[str, Any] = {"at": work.clock(), "actor": work.actor, "key": key}
    about["alarms_a_year"] = Environment().alarms_a_year
    fleet = work.options.get("fleet", False)
    issued = issue_fleet(ledger, lake, **about) if fleet else issue_weekly(ledger, lake, work.system, **about)
    pages = pages_of(ledger, lake, issued.audit) if issued.audit else {}
    names = [FILES[name] for name in work.options["formats"]]
    folder = work.workspace.path / "reports" / ("fleet" if fleet else work.system)
    written = write_files(wanted_files(issued, names, pages), folder)
    return f"{issued.report}: {written[0].name}, in all {len(written)} files"


def _replay(work: Work) -> str:
    from auditor.audit.scope import newest_settings
    from auditor.replay.again import Asked, ask_again

    settings = newest_settings(work.workspace.ledger(), work.system)[1]
    asked = Asked(sample=work.options["sample"])
    made = ask_again(work.workspace, settings, asked, work.clock, work.actor)
    if made.unanswered:
        raise JobError(f"The model left {made.unanswered:,} of {made.questions:,} questions unanswered.")
    return f"{made.asked:,} questions asked, {made.known:,} answered before"


def _reviews(work: Work) -> str:
    from auditor.reviews.draw import draw_sample

    sheet = work.workspace.path / "reviews" / f"{work.system}-{work.clock():%Y-%m-%d}.csv"
    if sheet.exists():
        return f"{sheet.name} was drawn before"
    sheet.parent.mkdir(mode=0o700, exist_ok=True)
    drawn = draw_sample(
        work.workspace.ledger(),
        work.workspace.lake(),
        work.system,
        n=work.options["size"],
        output=sheet,
        at=work.clock(),
        actor=work.actor,
        blinded=work.options["blind"],
        start=None,
        end=None,
    )
    return f"{sheet.name}: {drawn.drawn:,} reports to review"


def _verify(work: Work) -> str:
    from auditor.issuing.checking import check_workspace
    from auditor.store.verify import verify

    ledger, lake = work.workspace.ledger(), work.workspace.lake()
    found = verify(ledger, lake)
    problems = [*found.problems, *check_workspace(work.workspace, ledger, lake)]
    if problems:
        raise JobError(f"The record is not as it was written: {problems[0].sentence}")
    return f"intact: {found.entries:,} journal entries, {found.segments:,} segments"


#: Every job by the name that `schedule` in audit.yaml gives it.
JOBS: Final[Mapping[str, Callable[[Work], str]]] = {
    "audit": _audit,
    "report": _report,
    "replay": _replay,
    "reviews": _reviews,
    "verify": _verify,
}
