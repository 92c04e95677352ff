"""The judged table: the one schema that every monitor reads.

One row is one judgement: what a judge found when it held one output against its reference, at grain
(output, item). For reports the item is ``report``; for classification it is the finding; for visual
questions it is the question; for rankings it is the search. An output has its rows from the day it arrives:
columns that need a reference are null until then, and `status` says why.

Slice attributes (age band, sex, view, …) come as further string columns; a missing attribute is the value
``(missing)``, so that it is a slice of its own.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

#: One unit on the integer grid of every contribution: values are multiples of 2**-20.
GRID: Final = 1 << 20

#: Why a row has no judgement, or that it has one.
STATUSES: Final = ("judged", "awaiting", "unparseable", "judge_failed", "output_error")

#: The value of a slice attribute that nobody recorded.
MISSING: Final = "(missing)"

_CATEGORY = pa.dictionary(pa.int32(), pa.string())

#: Identity, time and provenance of the row; present for every task.
COMMON: Final[tuple[pa.Field, ...]] = (
    pa.field("digest", pa.binary(16), nullable=False),  # names the row's content: the key of what is made of it
    pa.field("output_id", pa.string(), nullable=False),
    pa.field("case_id", pa.string(), nullable=False),
    pa.field("subject_id", pa.string(), nullable=False),  # the patient, or the study where no patient is known
    pa.field("clustered_by", _CATEGORY, nullable=False),  # patient | study
    pa.field("task", _CATEGORY, nullable=False),
    pa.field("item", _CATEGORY, nullable=False),
    pa.field("version", _CATEGORY, nullable=False),
    pa.field("origin", _CATEGORY, nullable=False),  # recorded | replayed
    pa.field("draft_seen", _CATEGORY, nullable=False),  # yes | no | unknown | none (no reference)
    pa.field("day", pa.date32()),  # null: undated, in no trend
    pa.field("weight", pa.int64(), nullable=False),  # on GRID: 1/k of its case where k unranked drafts count
    pa.field("status", _CATEGORY, nullable=False),
    pa.field("length", pa.int32()),  # words of the output's text
    pa.field("confidence", pa.float64()),  # in [0, 1], where the output states one
)

#: What the report judge counted (null unless status is ``judged``).
REPORT: Final[tuple[pa.Field, ...]] = (
    pa.field("asserted", pa.int32()),  # positive claims in the draft
    pa.field("reference_findings", pa.int32()),  # positive claims in the reference
    pa.field("contradicted", pa.int32()),
    pa.field("unsupported", pa.int32()),
    pa.field("unaddressed", pa.int32()),
    pa.field("omitted", pa.int32()),
    pa.field("laterality", pa.int32()),
    pa.field("significant_contradicted", pa.int32()),  # contradicted, and urgent or actionable
    pa.field("significant_omitted", pa.int32()),
    pa.field("addressed", pa.int32()),  # structures and classes of device that the reference speaks of
    pa.field("score", pa.float64()),  # overall agreement in [0, 1], 1 = no error
)

#: Scores of a classifier against labels; one row per (output, finding).
CLASSIFICATION: Final[tuple[pa.Field, ...]] = (
    pa.field("probability", pa.float64()),
    pa.field("label", pa.int8()),  # 1 present, 0 absent, null not labelled
    pa.field("decision", pa.int8()),  # the system's own decision at its operating point
    pa.field("critical", pa.int8(), nullable=False),  # 1 where the settings call the finding critical
    pa.field("in_time", pa.int8()),  # 1 said within the time allowed after the study, 0 later, null unknown
)

#: Answers to questions about an image.
VQA: Final[tuple[pa.Field, ...]] = (
    pa.field("closed", pa.int8()),  # 1 yes/no question, 0 open, null with options
    pa.field("correct", pa.int8()),
    pa.field("abstained", pa.int8()),
    pa.field("answered_yes", pa.int8()),  # closed questions only
    pa.field("truth_yes", pa.int8()),
)

#: How far down a ranking one looks: recall at each of these.
CUTOFFS: Final = (1, 5, 10)

#: A ranking of a search against its true matches; every number lies on GRID. Null: the list does not tell.
RETRIEVAL: Final[tuple[pa.Field, ...]] = (
    # probability that a true match is among the first k, 0 or 1 but for ties
    *(pa.field(f"recall_at_{k}", pa.float64()) for k in CUTOFFS),
    *(pa.field(f"chance_at_{k}", pa.float64()) for k in CUTOFFS),  # … in a random order of the gallery
    pa.field("reciprocal_rank", pa.float64()),  # of the first true match; 0 where none is listed
    pa.field("reciprocal_rank_high", pa.float64()),  # … what it is at most, where the list may end early
    pa.field("listed", pa.int32()),  # candidates in the list
)

#: What became of a draft.
FINAL: Final[tuple[pa.Field, ...]] = (
    pa.field("edited", pa.float64()),  # share of words changed before signing; null where the draft was not seen
    pa.field("reached", pa.int8()),  # 1 a significant contradicted finding of it was signed, 0 none; null unknown
)

#: Every error of a judged draft (code, and what it weighs in (0, 1]), and the length of its reference.
ERRORS: Final[tuple[pa.Field, ...]] = (
    pa.field("errors", pa.list_(pa.struct([pa.field("code", pa.string()), pa.field("weight", pa.float64())]))),
    pa.field("reference_length", pa.int32()),  # words
)

#: Positive claims of a draft where a case was drafted several times: the share of the other drafts that make each,
#: and whether the reference bears it out (1), contradicts it (0) or is silent (null). Null where nobody knows.
CLAIMS: Final[tuple[pa.Field, ...]] = (
    pa.field("claims", pa.list_(pa.struct([pa.field("confidence", pa.float64()), pa.field("right", pa.int8())]))),
)

#: What is known of a question only beside another one.
PAIRS: Final[tuple[pa.Field, ...]] = (
    pa.field("pair_correct", pa.int8()),  # on the first question of a pair: 1 all of it right, 0 not all
)

#: Two judgements of one thing; `item` names what both were asked.
AGREEMENT: Final[tuple[pa.Field, ...]] = (
    pa.field("first", pa.int8()),  # 1 yes, 0 no, null where this judgement is missing
    pa.field("second", pa.int8()),
)

#: A question asked to learn about the model, beside the same question asked plainly; what does not apply is null.
PROBE: Final[tuple[pa.Field, ...]] = (
    pa.field("probe", _CATEGORY, nullable=False),  # blank | noise | swapped | flipped | cropped | paraphrase | …
    # 1 yes or no: a yes/no question, a finding of a classifier; 0 others; null: one of several options
    pa.field("closed", pa.int8()),
    pa.field("truth_yes", pa.int8()),  # closed questions only
    pa.field("right", pa.float64()),  # agreement of the plain answer with the reference, in [0, 1]
    pa.field("probed_right", pa.float64()),  # … of the probe's answer with the same reference
    pa.field("donor_right", pa.float64()),  # … with the reference of the case whose image was shown
    pa.field("same", pa.int8()),  # 1 both answers mean the same
    pa.field("opposite", pa.int8()),  # 1 the case whose image was shown has the opposite truth
    pa.field("abstained", pa.int8()),  # 1 the probe was not answered, in so many words
    pa.field("same_side", pa.int8()),  # 1 both answers name one and the same side, 0 the other; null elsewhere
    pa.field("rejected", pa.int8()),  # 1 what the question wrongly took for granted or offered was not taken
    pa.field("entropy", pa.float64()),  # of the meanings of several answers to one question, over its maximum
    pa.field("agreeing", pa.float64()),  # share of them that mean what most of them mean
    pa.field("exact", pa.int8()),  # 1 the live model gave a recorded answer again, letter by letter
    pa.field("overlap", pa.float64()),  # claims that both answers make, over those that either makes
    pa.field("difference", pa.float64()),  # of both scores, without sign
)

TASK_COLUMNS: Final[dict[str, tuple[pa.Field, ...]]] = {
    "report": (*REPORT, *FINAL, *ERRORS, *CLAIMS),
    "classification": CLASSIFICATION,
    "vqa": (*VQA, *PAIRS),
    "retrieval": RETRIEVAL,
    "agreement": AGREEMENT,
    "probe": PROBE,
}


def judged_schema(task: str, attributes: tuple[str, ...] = (), numbers: Sequence[str] = ()) -> pa.Schema:
    """The Arrow schema of the judged table of one task, with its slice attributes as string columns.

    `numbers` are numeric attributes, null where a case has none.

    >>> judged_schema("classification", ("sex",), ["age"]).names[-3:]
    ['in_time', 'sex', 'number:age']
    """
    slices = [pa.field(name, _CATEGORY, nullable=False) for name in attributes]
    numeric = [pa.field(number_column(name), pa.float64()) for name in numbers]
    return pa.schema([*COMMON, *TASK_COLUMNS[task], *slices, *numeric])


def number_column(name: str) -> str:
    """The column of a numeric attribute: the same attribute may be a slice, cut into bands, beside it."""
    return f"number:{name}"
