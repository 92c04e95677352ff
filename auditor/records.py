"""The three records a hospital hands in, as pydantic models at the edge: cases, references, outputs."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from auditor import options as choices
from auditor.rankings import MAX_CANDIDATES, TOO_MANY, fault_of

#: Longest text of one field, in characters: a report of a megabyte is a mistake, not a report.
MAX_TEXT = 1_000_000
#: Most numbers of one embedding: the widest language models have fewer.
MAX_EMBEDDING = 8_192

Kind = Literal["outputs", "references", "cases"]
TaskName = Literal["report", "classification", "vqa", "retrieval"]
ReferenceKind = Literal["final_report", "label_set", "answer", "adjudication"]
DraftSeen = Literal["yes", "no", "unknown"]


def _number_as_text(value: object) -> object:
    """Identifiers are often whole numbers in CSV and JSON; 1024 and "1024" are the same patient.

    Spaces go here: where a constraint strips them, blanks have passed its least length before. All blank
    identifiers would be one patient.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value


def _not_too_long(value: object) -> object:
    """Counted before each candidate is read: a ranking of a whole archive is a mistake, not a list."""
    if isinstance(value, list | tuple) and len(value) > MAX_CANDIDATES:
        raise ValueError(TOO_MANY)
    return value


def _not_too_wide(value: object) -> object:
    """Counted before each number is read: the vectors of every patch or word are a mistake, not one vector."""
    if isinstance(value, list | tuple) and len(value) > MAX_EMBEDDING:
        raise ValueError(f"an embedding has at most {MAX_EMBEDDING:,} numbers; hand in one vector for all images")
    return value


def _one_as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) else value


def _one_line(value: object) -> object:
    """An option is shown on a line of its own."""
    value = _number_as_text(value)
    return " ".join(value.split()) if isinstance(value, str) else value


Id = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=512),
]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Word = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
]
Option = Annotated[str, BeforeValidator(_one_line), StringConstraints(min_length=1, max_length=1000)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Record(BaseModel):
    """What the three kinds share: unknown fields are refused, so a misspelt column is never lost silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[Kind]


class Image(Record):
    """An image by its address and content hash."""

    uri: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    sha256: Sha256 | None = None


class Candidate(Record):
    """One entry of a ranking: the id of a case or text, and how alike or how far it is, where that is known."""

    id: Id
    score: Finite | None = None

    @model_validator(mode="before")
    @classmethod
    def _id_alone(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str | int) and not isinstance(value, bool) else value


class Case(Record):
    """An imaging study: who (pseudonymous), when, which images, and the attributes that slices are cut by."""

    kind: ClassVar[Kind] = "cases"
    case_id: Id
    patient_id: Id | None = None
    studied_at: str | datetime | None = None
    images: list[Image] = Field(default_factory=list)
    attributes: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


class Reference(Record):
    """What became known about a case: the signed report, labels, an answer, an adjudication."""

    kind: ClassVar[Kind] = "references"
    case_id: Id
    task: TaskName
    reference_kind: ReferenceKind
    item: Word | None = None
    author: Word | None = None
    version: int | None = None
    finalised_at: str | datetime | None = None
    draft_seen: DraftSeen = "unknown"
    addendum: bool = False
    question: Text | None = None  # what the answer answers; `auditor replay` asks it
    text: Text | None = None
    labels: dict[str, Literal[0, 1] | None] | None = None
    # context the report judge needs and the report itself often leaves out
    indication: Text | None = None
    has_prior: bool | None = None
    # questions about an image that must all be right: one about what is there and its twin about what is not
    pair: Word | None = None
    # the candidates that a search should find, by id
    matches: Annotated[list[Id], BeforeValidator(_one_as_list), BeforeValidator(_not_too_long)] | None = None
    # what may be answered, in the order in which it is shown; `text` is the right one, by its words or its letter
    options: list[Option] | None = None

    @model_validator(mode="after")
    def _has_content(self) -> "Reference":
        if self.text is None and self.labels is None and not self.matches:
            raise ValueError("a reference needs text, labels or matches")
        return self

    @model_validator(mode="after")
    def _options_hold_the_answer(self) -> "Reference":
        if self.options is not None:
            if self.task != "vqa":
                raise ValueError("only questions (task vqa) have options")
            if fault := choices.fault_of(self.options, self.text):
                raise ValueError(fault)
        return self


class Output(Record):
    """What the system under audit said about a case."""

    kind: ClassVar[Kind] = "outputs"
    case_id: Id
    task: TaskName
    version: Word
    output_id: Id | None = None
    patient_id: Id | None = None
    item: Word | None = None
    prompt: Text | None = None
    images: list[Image] = Field(default_factory=list)
    sample: int = 0
    rank: Annotated[int, Field(ge=1)] | None = None
    produced_at: str | datetime | None = None
    origin: Literal["recorded", "replayed"] = "recorded"
    text: Text | None = None
    scores: dict[str, Probability | None] | None = None
    decisions: dict[str, Literal[0, 1] | None] | None = None
    confidence: dict[str, Probability | None] = Field(default_factory=dict)
    latency_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    error: Text | None = None
    # a question asked to learn about the model, not the case: which kind, of which output, showing whose images
    probe: Word | None = None
    probe_of: Id | None = None
    shown_case_id: Id | None = None
    # what a search listed, best first, and how many candidates it chose from: the list may be only the top
    ranking: Annotated[list[Candidate], BeforeValidator(_not_too_long)] | None = None
    gallery: Annotated[int, Field(ge=1)] | None = None
    # what the model made of the images, as one vector: its drift is drift of what the model sees
    embedding: Annotated[list[Finite], Field(min_length=1), BeforeValidator(_not_too_wide)] | None = None
    tokens: Annotated[int, Field(ge=0)] | None = None  # read and written for this answer

    @model_validator(mode="after")
    def _has_content(self) -> "Output":
        said = (self.text, self.scores, self.decisions, self.ranking, self.error)
        if all(one is None for one in said):
            raise ValueError("an output needs text, scores, decisions, a ranking or an error")
        return self

    @model_validator(mode="after")
    def _ranking_is_one(self) -> "Output":
        listed = self.ranking or []
        if fault := fault_of([one.id for one in listed], [one.score for one in listed], self.gallery):
            raise ValueError(fault)
        return self


RECORDS: dict[Kind, type[Record]] = {"outputs": Output, "references": Reference, "cases": Case}


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of one kind of record, for people who write exports."""
    return RECORDS[kind].model_json_schema()
