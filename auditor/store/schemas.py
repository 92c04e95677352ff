"""Arrow schemas of the lake: one for each kind of segment.

`digest` names the content of a row (16 bytes of SHA-256 over its canonical JSON) and is what caches are
keyed by; identifiers of patients, cases and outputs are keyed hashes already.
"""

from typing import Final

import pyarrow as pa

from monitors.judged import REPORT, RETRIEVAL, VQA

_STAMP = pa.timestamp("us", tz="UTC")
_IMAGES = pa.list_(pa.struct([pa.field("uri", pa.string()), pa.field("sha256", pa.string())]))
_RANKING = pa.list_(pa.struct([pa.field("id", pa.string()), pa.field("score", pa.float64())]))
_DIGEST = pa.field("digest", pa.binary(16), nullable=False)

OUTPUTS: Final = pa.schema(
    [
        _DIGEST,
        pa.field("output_id", pa.string(), nullable=False),
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("patient_key", pa.string()),
        pa.field("task", pa.string(), nullable=False),
        pa.field("item", pa.string()),
        pa.field("version", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("prompt", pa.string()),
        pa.field("images", _IMAGES),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("rank", pa.int32()),
        pa.field("produced_at", _STAMP),
        pa.field("day", pa.date32()),  # of produced_at in the system's zone
        pa.field("date_only", pa.bool_(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("scores", pa.map_(pa.string(), pa.float64())),
        pa.field("decisions", pa.map_(pa.string(), pa.int8())),
        pa.field("confidence", pa.map_(pa.string(), pa.float64())),
        pa.field("latency_ms", pa.float64()),
        pa.field("error", pa.string()),
        pa.field("probe", pa.string()),  # null: an answer that is measured as the system's own
        pa.field("probe_of", pa.string()),  # the output of the same question, asked plainly
        pa.field("shown_case_id", pa.string()),  # whose images were shown, where they are another case's
        pa.field("ranking", _RANKING),  # what a search listed, best first; the ids are keyed hashes
        pa.field("gallery", pa.int32()),  # how many candidates it was chosen from
        pa.field("embedding", pa.list_(pa.float32())),  # what the model made of the images
        pa.field("tokens", pa.int32()),  # read and written for this answer
    ]
)

REFERENCES: Final = pa.schema(
    [
        _DIGEST,
        pa.field("reference_id", pa.string(), nullable=False),  # of (case, task, kind, item, author, version)
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("reference_kind", pa.string(), nullable=False),
        pa.field("item", pa.string()),
        pa.field("author", pa.string()),  # a keyed hash
        pa.field("version", pa.int32()),
        pa.field("finalised_at", _STAMP),
        pa.field("draft_seen", pa.string(), nullable=False),
        pa.field("addendum", pa.bool_(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("labels", pa.map_(pa.string(), pa.int8())),
        pa.field("indication", pa.string()),
        pa.field("has_prior", pa.bool_()),
        pa.field("pair", pa.string()),
        pa.field("question", pa.string()),
        pa.field("matches", pa.list_(pa.string())),  # what a search should find; ids as in `ranking`
        pa.field("options", pa.list_(pa.string())),  # of a question, as they are shown; `text` is the right one
    ]
)

CASES: Final = pa.schema(
    [
        _DIGEST,
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("patient_key", pa.string()),
        pa.field("subject_id", pa.string()),  # survives rotation of the patient key
        pa.field("studied_at", _STAMP),
        pa.field("images", _IMAGES),
        pa.field("attributes", pa.map_(pa.string(), pa.string())),
    ]
)

_ERROR = pa.struct(
    [
        pa.field("code", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("finding", pa.string()),
        pa.field("significance", pa.string()),
        pa.field("draft_start", pa.int32()),
        pa.field("draft_end", pa.int32()),
        pa.field("reference_start", pa.int32()),
        pa.field("reference_end", pa.int32()),
    ]
)

#: What a judge found, named by `key`: the hash of (output, reference, context, judge). Made once, never again.
JUDGEMENTS: Final = pa.schema(
    [
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("judge", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        *REPORT,
        *VQA,
        *RETRIEVAL,
        pa.field("errors", pa.list_(_ERROR)),
        pa.field("findings", pa.list_(pa.string())),  # that a report draft names
    ]
)

#: Exact sums of one monitor over a day or some weeks, named by the hash of the judgements beneath them.
TALLIES: Final = pa.schema(
    [pa.field("key", pa.string(), nullable=False), pa.field("tally", pa.large_binary(), nullable=False)]
)

#: A whole page, such as Evidently's drift report.
PAGES: Final = pa.schema(
    [pa.field("name", pa.string(), nullable=False), pa.field("content", pa.large_binary(), nullable=False)]
)

LAKE: Final[dict[str, pa.Schema]] = {
    "outputs": OUTPUTS,
    "references": REFERENCES,
    "cases": CASES,
    "judgements": JUDGEMENTS,
    "tallies": TALLIES,
    "pages": PAGES,
}

#: What is held in memory of the rows handed in: embeddings are as large as all else together, and are streamed.
HELD: Final[dict[str, pa.Schema]] = LAKE | {
    "outputs": pa.schema([field for field in OUTPUTS if field.name != "embedding"])
}
