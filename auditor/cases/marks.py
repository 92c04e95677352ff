"""Where claims and errors stand in two texts, and which claim of the one is which of the other.

The claims are those of the rule engine, read again from the texts; the errors are those that were recorded.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from auditor.claims.claim import Claim
from auditor.claims.compare import compare
from auditor.claims.compile import default_lexicon
from auditor.claims.error import Context
from auditor.claims.lexicon import Lexicon
from auditor.claims.observations import Observation
from auditor.claims.report import Report
from auditor.judges.protocol import site_lexicon_of
from auditor.model_settings import JudgeSetting

Role = Literal["error", "pair", "present", "absent"]
Span = tuple[int, int]
#: Of two marks with the same number of words the first of these is outside.
_OUTSIDE_FIRST: Final[tuple[Role, ...]] = ("error", "pair", "present", "absent")


@dataclass(frozen=True)
class Mark:
    """A stretch of a text: an error (numbered as in the table of errors), one of two claims that say the same
    (both with the number of their pair), or a claim without a counterpart that says a finding is there or not."""

    start: int
    end: int
    role: Role
    number: int  # 0: none
    about: str = ""  # the finding


@dataclass(frozen=True)
class Claims:
    """What two texts say, as marks, and the findings that they share: (number, in the draft, in the reference)."""

    draft: tuple[Mark, ...] = ()
    reference: tuple[Mark, ...] = ()
    pairs: tuple[tuple[int, str, str], ...] = ()


def claims_of(draft: str, reference: str, judge: JudgeSetting) -> Claims:
    """The claims of both texts and how the rules match them; none where a language model is the judge."""
    if judge.kind != "rules":
        return Claims()
    lexicon = site_lexicon_of(judge) or default_lexicon()
    one, other = Report.read(draft, lexicon), Report.read(reference, lexicon)
    compared = compare(one, other, lexicon, Context())  # the context grades errors and matches nothing
    pairs = list(enumerate(compared.pairs, start=1))
    return Claims(
        _marks(one.claims, [(number, compared.drafts[i]) for number, (i, _) in pairs], lexicon),
        _marks(other.claims, [(number, compared.references[j]) for number, (_, j) in pairs], lexicon),
        tuple((n, compared.drafts[i].finding, compared.references[j].finding) for n, (i, j) in pairs),
    )


def error_marks(errors: Sequence[dict[str, Any]]) -> tuple[list[Mark], list[Mark]]:
    """The recorded errors in the draft and in the reference, numbered from 1 as they were recorded."""
    found: tuple[list[Mark], list[Mark]] = ([], [])
    for number, error in enumerate(errors, start=1):
        for marks, side in zip(found, ("draft", "reference"), strict=True):
            start, end = error[f"{side}_start"], error[f"{side}_end"]
            if start is not None and end is not None and 0 <= start < end:
                marks.append(Mark(start, end, "error", number, error["finding"] or ""))
    return found


def _marks(
    claims: Iterable[Claim], matched: Sequence[tuple[int, Observation]], lexicon: Lexicon
) -> tuple[Mark, ...]:
    number_of = {id(claim): number for number, seen in matched for claim in seen.claims}
    marks = []
    for claim in claims:
        if claim.context or claim.kind == "technique":
            continue
        number = number_of.get(id(claim), 0)
        role: Role = "pair" if number else "present" if claim.status == "present" else "absent"
        if claim.kind == "normal":
            role = "absent"
        marks.append(Mark(claim.span[0], claim.span[1], role, number, claim.finding))
    return tuple(dict.fromkeys(marks))


@dataclass(frozen=True)
class Piece:
    """Some words, and the marks that lie over them. `opens` are those of them that begin here."""

    text: str
    marks: tuple[Mark, ...] = ()
    opens: tuple[Mark, ...] = ()
    gap: bool = False  # words are left out here

    @property
    def roles(self) -> str:
        """The marks' roles as names of classes."""
        return " ".join(sorted({mark.role for mark in self.marks}))


def pieces(text: str, marks: Iterable[Mark], shown: Sequence[Span]) -> tuple[Piece, ...]:
    """The shown stretches of a text, cut wherever a mark begins or ends.

    >>> [(one.text, one.roles) for one in pieces("Left effusion.", [Mark(5, 13, "error", 1)], [(0, 14)])]
    [('Left ', ''), ('effusion', 'error'), ('.', '')]
    """
    found: list[Piece] = []
    inside = [mark for mark in marks if 0 <= mark.start < mark.end <= len(text)]
    edges = sorted({edge for mark in inside for edge in (mark.start, mark.end)})
    coming = deque(sorted(inside, key=lambda mark: mark.start))
    near: list[Mark] = []  # one walk along the text: a draft may hold thousands of claims
    for first, last in shown:
        if found or first > 0:
            found.append(Piece("", gap=True))
        cuts = [first, *edges[bisect_right(edges, first) : bisect_left(edges, last)], last]
        for start, end in pairwise(cuts if first < last else ()):
            while coming and coming[0].start < end:
                near.append(coming.popleft())
            near = [mark for mark in near if start < mark.end]
            over = tuple(sorted(near, key=lambda mark: (_OUTSIDE_FIRST.index(mark.role), mark.number)))
            opens = tuple(mark for mark in over if mark.start == start or (start == first and mark.start < start))
            found.append(Piece(text[start:end], over, opens))
    if found and shown[-1][1] < len(text):
        found.append(Piece("", gap=True))
    return tuple(found)
