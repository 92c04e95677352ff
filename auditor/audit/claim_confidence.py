"""Claims of drafts that one version wrote several times: how sure the system is of each, and whether it is right.

How sure is read from the drafts: what a model says each time it is asked it is surer of than what it says once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa

from auditor.audit.answering import sampled_questions
from auditor.audit.linking import Linked
from auditor.claims import Lexicon, default_lexicon, extract
from auditor.claims.observations import Observation, observe
from auditor.judges.pairs import has_words
from monitors.judged import CLAIMS

_TYPE: Final[pa.DataType] = CLAIMS[0].type
_SILENT: Final = ("unsupported", "unaddressed")


class _Draft(NamedTuple):
    """One of several drafts of a case; `errors` is None where it was not judged."""

    row: int
    claims: list[Observation]
    errors: list[dict[str, Any]] | None

    @property
    def said(self) -> set[tuple[str, str | None]]:
        return {(claim.finding, claim.side) for claim in self.claims}


def claim_confidence(linked: Linked, judgements: pa.Table, lexicon: Lexicon | None = None) -> pa.Array:
    """By row of the outputs the positive claims of a draft, as the judged table of reports holds them.

    A claim is an observation of the draft; its confidence is the share of the OTHER drafts of the same case that
    hold the same finding on the same side. The draft itself does not count: a claim is only looked at where its
    own draft makes it, so with it the share would be too high by chance (one of two where no other draft agrees).
    A draft without words is no draft; one that has words and no claims is one that does not make the claim.

    `right` is 1, or 0 where the reference contradicts the claim or has it on the other side, or null where the
    reference is silent. The list is null where a case was drafted once, where the draft was not judged, and where
    an error cannot be laid to one claim: then nobody knows which of them is right. `judgements` stand row by row
    beside the outputs; `lexicon` is the one that they were made by, where it is not the product's own.
    """
    lists: dict[int, list[dict[str, Any]]] = {}
    for drafts in _drafted(linked.outputs, judgements, lexicon):
        makers = Counter(said for draft in drafts for said in draft.said)
        for draft in drafts:
            right = None if draft.errors is None else _right(draft.claims, draft.errors)
            if right is not None:
                others = [makers[claim.finding, claim.side] - 1 for claim in draft.claims]
                lists[draft.row] = [
                    {"confidence": agree / (len(drafts) - 1), "right": one}
                    for agree, one in zip(others, right, strict=True)
                ]
    rows = linked.outputs.num_rows
    return pa.array([lists.get(row) for row in range(rows)], _TYPE) if lists else pa.nulls(rows, _TYPE)


def _drafted(outputs: pa.Table, judgements: pa.Table, lexicon: Lexicon | None) -> Iterator[list[_Draft]]:
    """The drafts of each case that was drafted more than once, read; only these rows are looked at."""
    groups = sampled_questions(outputs)
    rows = [row for group in groups for row in group]
    if not rows:
        return
    lexicon = lexicon or default_lexicon()
    said = dict(zip(rows, outputs.select(["text", "error"]).take(rows).to_pylist(), strict=True))
    found = dict(zip(rows, judgements.select(["status", "errors"]).take(rows).to_pylist(), strict=True))
    for group in groups:
        drafts = [
            _Draft(
                row,
                observe(extract(said[row]["text"], lexicon), lexicon),
                found[row]["errors"] if found[row]["status"] == "judged" else None,
            )
            for row in group
            if said[row]["error"] is None and has_words(said[row]["text"])
        ]
        if len(drafts) > 1:
            yield drafts


def _right(claims: Sequence[Observation], errors: Sequence[Mapping[str, Any]]) -> list[int | None] | None:
    """Of each claim 1, 0 or None (the reference is silent); None altogether where an error is of no one claim.

    Of several errors of one claim the gravest counts: a claim that is denied is not merely unknown.
    """
    wrong: set[int] = set()
    silent: set[int] = set()
    for error in errors:
        if error["code"] == "FAB" and error["kind"] in _SILENT:
            found = silent
        elif error["code"] == "FAB" or (error["code"], error["kind"]) == ("LAT", "swapped"):
            found = wrong
        else:
            continue
        place = _claim_of(error, claims)
        if place is None:
            return None
        found.add(place)
    return [0 if place in wrong else None if place in silent else 1 for place in range(len(claims))]


def _claim_of(error: Mapping[str, Any], claims: Sequence[Observation]) -> int | None:
    """The one claim that an error is about, or None.

    It stands exactly where the error does; a language model may quote more words or other ones, and then it
    overlaps them. Of several it is the one that the error names.
    """
    start, end = error["draft_start"], error["draft_end"]
    if start is None or end is None:
        return None
    spans = [[claim.span for claim in one.claims] for one in claims]
    there = [place for place, of in enumerate(spans) if (start, end) in of]
    if not there:
        there = [place for place, of in enumerate(spans) if any(a < end and start < b for a, b in of)]
    if len(there) > 1:
        there = [place for place in there if error["finding"] in claims[place].names]
    return there[0] if len(there) == 1 else None
