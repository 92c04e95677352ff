"""The report judge: a draft report against the radiologist's report of the same study.

Stateless: one mapping in, one result out. A reference that is missing, or a draft without words, gives null
counts with a reason, never zeros.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from auditor.claims.compare import compare
from auditor.claims.compile import default_lexicon
from auditor.claims.error import Context, Error
from auditor.claims.evidence import Evidence
from auditor.claims.extract import extract
from auditor.claims.lexicon import Lexicon
from auditor.claims.observations import observe
from auditor.claims.report import Report
from auditor.claims.score import score
from auditor.claims.sentences import tokenise
from auditor.judges.pairs import age, has_words, text, truth
from auditor.judges.protocol import BLOCK

#: Raised by hand whenever the rules in code change what a judgement says.
VERSION: Final = "report-2"

#: Counts of the result line and the codes they count.
COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "omitted": ("OMI",),
    "laterality": ("LAT",),
    "location": ("LOC",),
    "severity": ("SEV",),
    "certainty": ("CER",),
    "temporal": ("TMP",),
    "phantom_prior": ("PRI",),
    "number": ("NUM", "NUMFAB"),
    "device": ("DEV",),
}
NO_WORDS: Final = "the draft has no words"
NO_REFERENCE: Final = "there is no reference report yet"
_SUPPORT: Final = ("contradicted", "unsupported", "unaddressed")
SIGNIFICANT: Final = ("urgent", "actionable")


class ReportJudge:
    """Compares claims; deterministic, offline. `digest` names the rules and the lexicon."""

    name = "report"
    block = BLOCK
    remote = False

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self._given = lexicon
        self._lexicon = lexicon or default_lexicon()
        self.digest = hashlib.sha256(f"{VERSION}\0{self._lexicon.digest}".encode()).hexdigest()[:32]

    def __reduce__(self) -> tuple[type["ReportJudge"], tuple[Lexicon | None]]:
        return ReportJudge, (self._given,)

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """One result a pair, in order.

        >>> pair = {"id": "1", "reference": "Small left effusion.", "draft": "Small right effusion."}
        >>> [e["code"] for e in next(ReportJudge().judge([pair]))["errors"]]
        ['LAT']
        """
        for pair in pairs:
            yield self.one(pair)

    def one(self, pair: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one pair. Raises BadPairError when a field has the wrong type."""
        judge = f"{self.name}:{self.digest}"
        draft_text, reference_text = text(pair, "draft"), text(pair, "reference")
        if draft_text is None or not has_words(draft_text):
            return missing(pair, "unparseable", NO_WORDS, judge)
        draft = Report.read(draft_text, self._lexicon)
        words = len(draft_text.split())
        asserted = observe(draft.claims, self._lexicon)
        if reference_text is None or not has_words(reference_text):
            waiting = missing(pair, "awaiting", NO_REFERENCE, judge)
            named = sorted({one.finding for one in asserted})
            return {**waiting, "asserted": len(asserted), "findings": named, "length": words}
        reference = Report.read(reference_text, self._lexicon)
        context = self._context(pair)
        comparison = compare(draft, reference, self._lexicon, context)
        return judged(
            pair,
            asserted=len(comparison.drafts),
            reference_findings=len(comparison.references),
            errors=comparison.errors,
            score=score(comparison, self._lexicon, context),
            findings={one.finding for one in comparison.drafts},
            addressed=Evidence(reference.claims, self._lexicon).addressed,
            words=words,
            judge=judge,
        )

    def _context(self, pair: Mapping[str, Any]) -> Context:
        indication = text(pair, "indication") or ""
        claims = extract(indication, self._lexicon) if indication else []
        return Context(
            age=age(pair),
            words=frozenset(tokenise(indication, self._lexicon).words),
            indicated=frozenset(c.finding for c in claims if c.status == "present"),
            numbers=frozenset(size for c in claims for size in c.sizes_mm),
            has_prior=truth(pair, "has_prior"),
        )


def missing(pair: Mapping[str, Any], status: str, reason: str, judge: str) -> dict[str, Any]:
    """The result of a pair without a judgement: every count is null."""
    names = ("asserted", "reference_findings", "fabricated", *_SUPPORT, *COUNTS)
    own = ("significant_contradicted", "significant_omitted", "score")
    return {
        "id": pair.get("id"),
        **dict.fromkeys((*names, *own)),
        "errors": [],
        "status": status,
        "reason": reason,
        "findings": None,
        "addressed": None,
        "length": None,
        "judge": judge,
    }


def judged(
    pair: Mapping[str, Any],
    *,
    asserted: int,
    reference_findings: int,
    errors: Sequence[Error],
    score: float,
    findings: Iterable[str],
    addressed: int | None,
    words: int,
    judge: str,
) -> dict[str, Any]:
    """The result of a judged pair: how many findings each text has, the errors, and their counts.

    `findings` are those that the draft names; `addressed` is how many structures and classes of device the
    reference speaks of, None where the judge does not know.
    """
    support = {kind: sum(e.code == "FAB" and e.kind == kind for e in errors) for kind in _SUPPORT}
    significant = [e for e in errors if e.significance in SIGNIFICANT]
    return {
        "id": pair.get("id"),
        "asserted": asserted,
        "reference_findings": reference_findings,
        "fabricated": sum(support.values()),
        **support,
        **{name: sum(e.code in codes for e in errors) for name, codes in COUNTS.items()},
        "significant_contradicted": sum(e.kind == "contradicted" for e in significant),
        "significant_omitted": sum(e.code == "OMI" for e in significant),
        "score": score,
        "errors": [e.as_dict() for e in errors],
        "status": "judged",
        "reason": None,
        "findings": sorted(set(findings)),
        "addressed": addressed,
        "length": words,
        "judge": judge,
    }
