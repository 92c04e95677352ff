"""How much text of a case the settings allow to be shown: `exemplars: none | span | sentence` of audit.yaml."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from auditor.cases.marks import Mark, Span

_SENTENCE_END: Final = re.compile(r"[.!?\n](?=\s|$)")

#: What a reader is told about text that is not all there, and which setting changes it.
SAID: Final = {
    "none": (
        "No text of cases is shown: audit.yaml says “exemplars: none”. With “exemplars: span” the words of each "
        "error would be shown, with “exemplars: sentence” the sentences around them."
    ),
    "span": (
        "Only the words of each error are shown: audit.yaml says “exemplars: span”. With “exemplars: sentence” "
        "the sentences around them would be shown too."
    ),
    "sentence": "Shown are the sentences around each error, as audit.yaml says: “exemplars: sentence”.",
}


def shown(text: str, errors: Iterable[Mark], policy: str) -> tuple[Span, ...]:
    """Which stretches of a text may be shown, in order and apart from each other.

    >>> errors = [Mark(10, 18, "error", 1)]
    >>> shown("No mass. A nodule is there. Normal heart.", errors, "sentence")
    ((9, 27),)
    >>> shown("No mass. A nodule is there.", errors, "span"), shown("No mass. A nodule is there.", errors, "none")
    (((10, 18),), ())
    """
    if policy not in ("span", "sentence"):
        return ()
    spans = sorted((mark.start, mark.end) for mark in errors if 0 <= mark.start < mark.end <= len(text))
    if policy == "sentence":
        ends = [match.end() for match in _SENTENCE_END.finditer(text)]
        spans = [_around(text, ends, start, end) for start, end in spans]
    return _apart(spans)


def _around(text: str, ends: Sequence[int], start: int, end: int) -> Span:
    """The sentences that a stretch lies in, without the space around them."""
    first = max((stop for stop in ends if stop <= start), default=0)
    last = min((stop for stop in ends if stop >= end), default=len(text))
    within = text[first:last]
    return first + len(within) - len(within.lstrip()), last - (len(within) - len(within.rstrip()))


def _apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
