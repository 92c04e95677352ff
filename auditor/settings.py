"""`audit.yaml` (what is audited, and against which bounds) and the environment (where things are kept)."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from auditor.model_settings import (
    CheckSetting,
    JudgeSetting,
    ModelSetting,
    Probes,
    RulesSetting,
    Strict,
    says_the_same,
)
from auditor.notice_settings import AlertRules, Notices
from auditor.records import ReferenceKind, TaskName
from auditor.schedule_settings import JobSetting

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class SettingsError(ValueError):
    """One clear sentence about a setting that cannot be used."""


class Environment(BaseSettings):
    """Where the workspace, the stores and the key are; every field is an environment variable AUDITOR_…"""

    model_config = SettingsConfigDict(env_prefix="AUDITOR_")

    workspace: Path = Path("workspace")
    ledger: str | None = None  # SQLAlchemy URL; default: SQLite inside the workspace
    lake: str | None = None  # fsspec URI; default: a folder inside the workspace
    key_file: Path | None = None  # default: outside the workspace, made by init
    signing_key_file: Path | None = None  # default: beside the key
    anchor_file: Path | None = None  # signed heads of the journal; default: beside the key
    trusted_key: str | None = None  # public signing key (hex) that `verify` believes, from a place of your own
    images: Path | None = None  # folder of the images that cases name; default: `images` in the workspace
    alarms_a_year: float = 2.0  # false ones that all charts of all systems together may give


class CriticalSetting(Strict):
    """Findings that must not be missed, and how soon after the study they must be flagged."""

    findings: Annotated[list[str], Field(min_length=1)]
    within_minutes: Annotated[float, Field(gt=0)] = 60.0


#: What can be set for searches, which have no judge.
_OF_SEARCHES: Final = frozenset(
    {"reference", "confidence", "is_probability", "confidence_beside", "accepted_risk"}
)


class Task(Strict):
    """One task of the system and what it is held against."""

    reference: ReferenceKind | None = None  # default: final_report, label_set or answer by task
    findings: list[str] = []  # classification: the findings audited; empty means all that occur
    operating_points: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}  # where the system gives scores only
    confidence: str | None = None  # which entry of the confidence map says how sure the system is
    is_probability: bool | None = None  # … of being right, and no mere score; default: by the name of the entry
    confidence_beside: dict[str, bool] = {}  # other entries to measure, and whether each claims a probability
    samples: Annotated[int, Field(ge=2, le=50)] | None = (
        None  # … where it is the share of so many answers that agree
    )
    accepted_risk: Annotated[float, Field(gt=0, lt=1)] | None = (
        None  # of an error among the outputs one would trust
    )
    critical: CriticalSetting | None = None  # classification
    judge: JudgeSetting = RulesSetting()
    check: CheckSetting | None = None

    @model_validator(mode="after")
    def _one_confidence_comes_first(self) -> Self:
        if self.confidence_beside and self.confidence in (None, *self.confidence_beside):
            raise ValueError("confidence_beside names further entries: the first stands under confidence alone")
        return self

    @model_validator(mode="after")
    def _check_compares_two_judges(self) -> Self:
        if self.check is None:
            return self
        if self.check.repeats and self.judge.kind == "rules":
            raise ValueError("check.repeats is for a language model; rules say the same every time")
        if self.check.judge and says_the_same(self.check.judge, self.judge):
            raise ValueError("check.judge is the judge itself; name another one, or use check.repeats")
        return self


class Attribute(Strict):
    """How an attribute of a case becomes a slice: a category as it is, or a number cut into bands."""

    bands: list[float] = []

    @field_validator("bands")
    @classmethod
    def _ascending(cls, value: list[float]) -> list[float]:
        if value != sorted(set(value)):
            raise ValueError("bands must ascend, for example [0, 18, 40, 65]")
        return value


class ThresholdSetting(Strict):
    """A bound fixed in advance for one measure."""

    measure: str
    watch: float
    act: float | None = None  # without it the verdict is `watch` at most
    rise: float | None = None  # the smallest value that would matter; decides `insufficient` against `watch`
    minimum_n: int = 0  # effective; never below the measure's own floor
    slices: Literal["all", "each"] | list[str] = "all"  # the whole system, every slice, or named attributes
    contrast: Literal["", "rest", "reference"] = ""
    item: str | None = None  # a finding; None is the task as a whole, "each" every finding
    tier: Literal["stop", "watch", "explore"] | None = None  # default: stop where it may act by itself, else watch
    stop: Literal["restrict", "pause"] | None = None  # what `act` asks of the committee, beyond looking into it
    rationale: str = ""
    owner: str = ""
    approver: str = ""

    @model_validator(mode="after")
    def _tier_fits(self) -> Self:
        if self.tier == "stop" and not self._may_act:
            raise ValueError(f"{self.measure}: only a rule on the whole system with an act bound is a stop rule")
        if self.stop and self.effective_tier != "stop":
            raise ValueError(f"{self.measure}: only a rule that may act can ask to {self.stop}")
        return self

    @property
    def _may_act(self) -> bool:
        return self.act is not None and self.slices == "all" and self.contrast != "rest"

    @property
    def effective_tier(self) -> Literal["stop", "watch", "explore"]:
        """stop: may call for action by itself; watch: a notice at most; explore: drawn, no verdict."""
        return self.tier or ("stop" if self._may_act else "watch")


class StopQuestion(Strict):
    """A rate of the whole system that is watched week by week; only its chart may call for action by itself."""

    task: TaskName
    measure: str
    item: str | None = None  # a finding, where an output has several
    tolerable: Annotated[float, Field(gt=0, lt=1)] | None = None  # approved in advance; else the reference window
    weight: Annotated[float, Field(gt=0)] = 1.0  # its share of the system's alarm budget, beside the others'
    stop: Literal["restrict", "pause"] | None = None  # what an alarm asks of the committee
    rationale: str = ""
    owner: str = ""
    approver: str = ""


class NotMeasured(Strict):
    """A risk that is known and not measured, and why; it stands in every report."""

    what: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]


class Window(Strict):
    start: date | None = Field(default=None, alias="from")
    end: date | None = Field(default=None, alias="to")


class Mlflow(Strict):
    tracking_uri: str | None = None  # default: a SQLite store inside the workspace
    experiment: str | None = None  # default: the system's name
    registered_model: str | None = None  # link to the audited model in the registry


class AuditSettings(Strict):
    """The whole of `audit.yaml`."""

    system: Name
    title: str = ""
    owner: str = ""
    intended_use: str = ""
    timezone: str = "UTC"
    tasks: dict[TaskName, Task]
    attributes: dict[str, Attribute] = {}
    slices: list[str | list[str]] = []  # an attribute, or a list of attributes for their intersection
    window: Literal["all"] | Annotated[str, StringConstraints(pattern=r"^\d+ (days|weeks)$")] = "all"
    trend: Literal["week", "month"] = "week"
    reference_window: Window = Window()
    maturity_days: Annotated[int, Field(ge=0)] = 14
    stale_after_days: Annotated[int, Field(ge=1)] | None = None
    exemplars: Literal["none", "span", "sentence"] = "none"
    paper: Literal["a4", "us-letter"] = "a4"  # of the reports in print
    simulated: bool = False  # the report then says so on every page
    seed: int = 0
    model: ModelSetting | None = None  # how the live model is reached, for `auditor replay`
    probes: Probes = Probes()
    thresholds: list[ThresholdSetting] = []
    stop_questions: Annotated[list[StopQuestion], Field(max_length=5)] = []
    alarms_a_year: Annotated[float, Field(gt=0, le=12)] = 1.0  # false ones, over all stop questions together
    not_measured: list[NotMeasured] = []
    # rows older than this may be erased; six years are the floor, 45 CFR 164.316(b)(2)(i), whatever is said here
    retention_years: Annotated[int, Field(ge=1, le=100)] | None = None
    case_mix: list[str] = []  # attributes that charts and trends are adjusted for, outermost first
    drift_numbers: list[str] = []  # numeric attributes of cases whose distribution is watched
    schedule: list[JobSetting] = []
    alerts: AlertRules = AlertRules()
    notices: Notices = Notices()
    mlflow: Mlflow = Mlflow()

    @field_validator("schedule")
    @classmethod
    def _named_apart(cls, value: list[JobSetting]) -> list[JobSetting]:
        names = [one.called for one in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two jobs are called {twice[0]}; give one of them another name")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not an IANA time zone; write for example Europe/Berlin") from None
        return value

    @field_validator("tasks")
    @classmethod
    def _some_task(cls, value: dict[TaskName, Task]) -> dict[TaskName, Task]:
        if not value:
            raise ValueError("name at least one task: report, classification, vqa or retrieval")
        scores = value.get("classification")
        if scores and (scores.judge.kind != "rules" or scores.check):
            raise ValueError("classification compares numbers with labels: it takes no other judge and no check")
        search = value.get("retrieval")
        if search and (unfit := sorted(search.model_fields_set - _OF_SEARCHES)):
            raise ValueError(f"retrieval looks up ranks and takes no {unfit[0]}; leave it out")
        if scores and scores.confidence_beside:
            raise ValueError(
                "a classifier's confidence is the score of each finding: it takes no confidence_beside"
            )
        if any(getattr(task.judge, "embedding", None) for name, task in value.items() if name != "vqa"):
            raise ValueError("an embedding compares open answers: name it under vqa")
        if any(task.critical for name, task in value.items() if name != "classification"):
            raise ValueError("critical findings are flags of a classifier: name them under classification")
        return value

    @field_validator("drift_numbers")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if twice := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{twice[0]} stands twice; name each attribute once")
        return value

    @model_validator(mode="after")
    def _stop_questions_can_be_asked(self) -> Self:
        asked = [(one.task, one.measure, one.item) for one in self.stop_questions]
        if len(set(asked)) < len(asked):
            raise ValueError("a stop question stands twice; each is asked once")
        for one in self.stop_questions:
            if one.task not in self.tasks:
                raise ValueError(
                    f"the stop question {one.measure} is of the task {one.task}, which is not audited"
                )
            if one.tolerable is None and not (self.reference_window.start and self.reference_window.end):
                raise ValueError(
                    f"the stop question {one.measure} needs a reference_window (from, to) or a tolerable rate"
                )
        if lost := [name for name in self.case_mix if name not in self.slice_attributes]:
            raise ValueError(f"case_mix names {lost[0]}, which is no slice; add it to slices")
        return self

    @property
    def slice_attributes(self) -> tuple[str, ...]:
        """Every attribute that some slice uses, sorted."""
        names = {n for s in self.slices for n in ([s] if isinstance(s, str) else s)}
        return tuple(sorted(names))


def sentence_of(error: ValidationError) -> str:
    """The first fault of a pydantic error as one sentence that never quotes the offending value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the record"
    message = first["msg"].removeprefix("Value error, ")
    rest = error.error_count() - 1
    return f"{place}: {message}" + (f" (and {rest} more)" if rest else "")


def parse_settings(text: str, where: str = "audit.yaml") -> AuditSettings:
    """Read `audit.yaml`.

    Raises SettingsError with what, where and what to do, never with a traceback for a person to read.

    >>> parse_settings("system: drafts\\ntasks: {report: {}}").tasks["report"].findings
    []
    """
    try:
        if any(isinstance(one, yaml.AliasEvent) for one in yaml.parse(text, Loader=yaml.SafeLoader)):
            # such settings can unfold into more than any memory holds
            raise SettingsError(f"{where} refers to parts of itself (*name); write them out.")
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{where} is not valid YAML{line}; check indentation and quotes.") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{where} must hold settings such as 'system: my-system'; it holds none.")
    try:
        return AuditSettings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(f"{where}: {sentence_of(error)}.") from None
