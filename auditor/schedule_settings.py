"""`schedule` in audit.yaml: which job of a system runs when, how late it may be, and how often it is tried."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from auditor.model_settings import Strict


def _readable(value: str) -> str:
    from auditor.cron import CronError, check_cron

    try:
        check_cron(value)
    except CronError as error:
        raise ValueError(str(error)) from None
    return value


#: A cron expression that can be read, fires, and does not fire too often.
Cron = Annotated[str, AfterValidator(_readable)]

JobName = Literal["audit", "report", "replay", "reviews", "verify"]


class JobSetting(Strict):
    """One job of a system and its times, in the system's own zone."""

    job: JobName
    # minute hour day month weekday; weekdays by name, since programs disagree on which day is 0
    cron: Cron
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None = (
        None  # default: the job
    )
    late: Literal["run", "skip"] = "run"  # after downtime: make the newest missed run up once, or leave it out
    grace_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 60  # later than this is late, and an alert
    timeout_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 120
    retries: Annotated[int, Field(ge=0, le=20)] = 2
    backoff_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 5  # doubled with every further try
    formats: list[Literal["html", "pdf", "json", "md", "xml"]] = ["html", "pdf", "json"]  # report
    fleet: bool = False  # report: of all systems instead of this one
    size: Annotated[int, Field(ge=1, le=10_000)] = 60  # reviews: how many reports are drawn
    blind: bool = False  # reviews: leave out what the judge found
    sample: Annotated[int, Field(ge=1)] | None = None  # replay: ask only so many questions

    @property
    def called(self) -> str:
        return self.name or self.job
