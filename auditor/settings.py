"""`audit.yaml` (what is audited, and against which bounds) and the environment (where things are kept)."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from auditor.records import ReferenceKind, TaskName, Text, Word

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class SettingsError(ValueError):
    """One clear sentence about a setting that cannot be used."""


class Strict(BaseModel):
    """Unknown keys are refused: a misspelt threshold must not vanish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Environment(BaseSettings):
    """Where the workspace, the stores and the key are; every field is an environment variable AUDITOR_…"""

    model_config = SettingsConfigDict(env_prefix="AUDITOR_")

    workspace: Path = Path("workspace")
    ledger: str | None = None  # SQLAlchemy URL; default: SQLite inside the workspace
    lake: str | None = None  # fsspec URI; default: a folder inside the workspace
    key_file: Path | None = None  # default: outside the workspace, made by init


class RulesSetting(Strict):
    """The judge that ships with the product: rules, deterministic, offline."""

    kind: Literal["rules"] = "rules"


class Server(Strict):
    """A model behind any server that speaks OpenAI's chat completions."""

    base_url: str  # up to and without /chat/completions
    model: Annotated[str, Field(min_length=1)]
    # the environment variable that holds the key: the key itself is in no setting, log or digest
    key_variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    timeout: Annotated[float, Field(gt=0)] = 120.0  # seconds for one whole answer
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4  # questions asked at once
    attempts: Annotated[int, Field(ge=1, le=10)] = 4  # when the server is busy or out of reach

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or any(c.isspace() or not c.isprintable() for c in value):
            raise ValueError("give the address of the server, for example http://localhost:8000/v1")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            # an address is printed and hashed; nothing secret may be in it
            raise ValueError("write the address without user, password, query or fragment; name a key_variable")
        return value.rstrip("/")


class LlmSetting(Server):
    """A language model as judge. Report texts are sent to its server, so it must be one that may see them."""

    kind: Literal["llm"] = "llm"


class HttpModel(Server):
    """The audited model behind a server. Images and prompts are sent to it."""

    family: Literal["http"] = "http"
    version: Word  # of the outputs that its answers become
    prompts: dict[TaskName, Text] = {}  # asked about every case; a task without one is asked what was recorded
    samples: Annotated[int, Field(ge=1, le=50)] = 1  # how often each question is asked
    max_tokens: Annotated[int, Field(ge=1)] = 512


JudgeSetting = Annotated[RulesSetting | LlmSetting, Field(discriminator="kind")]


def _says_the_same(one: JudgeSetting, other: JudgeSetting) -> bool:
    """Whether two settings are one judge: how long it is waited for changes nothing in what it says."""
    if isinstance(one, LlmSetting) and isinstance(other, LlmSetting):
        mine, theirs = ((j.base_url, j.model, j.temperature) for j in (one, other))
        return mine == theirs
    return one.kind == other.kind


class CheckSetting(Strict):
    """How far the judge can be relied on: a share of its judgements is made again, by itself or by another."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.05  # of the outputs that have a reference, chosen by hash
    repeats: Annotated[int, Field(ge=0, le=10)] = 0  # how often a language model judges these once more
    judge: JudgeSetting | None = None  # a second judge

    @model_validator(mode="after")
    def _something_to_compare(self) -> Self:
        if not self.repeats and self.judge is None:
            raise ValueError("give repeats, a second judge, or both")
        return self


class Task(Strict):
    """One task of the system and what it is held against."""

    reference: ReferenceKind | None = None  # default: final_report, label_set or answer by task
    findings: list[str] = []  # classification: the findings audited; empty means all that occur
    operating_points: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}  # where the system gives scores only
    confidence: str | None = None  # which entry of the confidence map is the system's own probability
    judge: JudgeSetting = RulesSetting()
    check: CheckSetting | None = None

    @model_validator(mode="after")
    def _check_compares_two_judges(self) -> Self:
        if self.check is None:
            return self
        if self.check.repeats and self.judge.kind == "rules":
            raise ValueError("check.repeats is for a language model; rules say the same every time")
        if self.check.judge and _says_the_same(self.check.judge, self.judge):
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
    rationale: str = ""


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
    simulated: bool = False  # the report then says so on every page
    seed: int = 0
    model: HttpModel | None = None  # how the live model is reached, for `auditor replay`
    thresholds: list[ThresholdSetting] = []
    mlflow: Mlflow = Mlflow()

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
            raise ValueError("name at least one task: report, classification or vqa")
        scores = value.get("classification")
        if scores and (scores.judge.kind != "rules" or scores.check):
            raise ValueError("classification compares numbers with labels: it takes no other judge and no check")
        return value

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
