"""Errors that a draft shows by itself: contradiction, repetition, phantom comparisons, invented sizes."""

from collections.abc import Iterable, Iterator, Sequence

from auditor.claims.claim import Claim
from auditor.claims.error import Context, Error
from auditor.claims.evidence import Evidence
from auditor.claims.kinds import Kind
from auditor.claims.lexicon import Lexicon
from auditor.claims.observations import Observation
from auditor.claims.report import Report
from auditor.claims.significance import significance

_COMPARISON = frozenset((int(Kind.PRIOR), int(Kind.TRAJECTORY)))
_SHORTEST_REPEATED = 4


def contradictions(
    claims: Sequence[Claim], observations: Iterable[Observation], lexicon: Lexicon, context: Context
) -> Iterator[Error]:
    """A finding that the draft both asserts and denies, at the same place."""
    evidence = Evidence(claims, lexicon)
    for observation in observations:
        plain = [c for c in observation.claims if c.certainty == "definite" and c.trajectory is None]
        denial = evidence.denial(observation) if plain else None
        if denial is not None and denial.status == "absent" and denial.trajectory is None:
            grade = significance(observation.finding, lexicon, context)
            yield Error("CON", "contradiction", observation.finding, grade, "major", denial.span, None)


def repetitions(draft: Report) -> Iterator[Error]:
    """A sentence that stands twice in one section."""
    words, edges = draft.tokens.words, draft.tokens.edges
    seen: set[tuple[str, ...]] = set()
    for sentence in draft.sentences:
        if sentence.last - sentence.first < _SHORTEST_REPEATED:
            continue
        key = (sentence.section, *words[sentence.first : sentence.last])
        if key in seen:
            span = edges[2 * sentence.first], edges[2 * sentence.last - 1]
            yield Error("REP", "repetition", "", "benign", "minor", span, None)
        seen.add(key)


def comparisons(report: Report, lexicon: Lexicon) -> list[tuple[int, int]]:
    """Where a report speaks of an earlier examination or of a course over time, one span a sentence."""
    edges = report.tokens.edges
    found = []
    for sentence in report.sentences:
        if sentence.section in lexicon.context_sections:
            continue
        for term, first, last in sentence.items:
            if term.kind in _COMPARISON and term.state is None:  # "increased markings" compares nothing
                found.append((edges[2 * first], edges[2 * last - 1]))
                break
    return found


def phantom_priors(draft: Report, reference: Report, lexicon: Lexicon, context: Context) -> Iterator[Error]:
    """Words of comparison in the draft where no earlier examination is known of."""
    if context.has_prior:
        return
    spans = comparisons(draft, lexicon)
    if spans and (context.has_prior is False or not comparisons(reference, lexicon)):
        for span in spans:
            yield Error("PRI", "comparison", "", "not_actionable", "minor", span, None)


def invented_sizes(
    drafts: Sequence[Observation],
    pairs: Iterable[tuple[int, int]],
    references: Iterable[Claim],
    lexicon: Lexicon,
    context: Context,
) -> Iterator[Error]:
    """A size of a matched observation where the reference and the indication give none like it."""
    given = {size for claim in references for size in claim.sizes_mm} | context.numbers
    for i, _ in pairs:
        draft = drafts[i]
        if draft.sizes_mm and not given:
            grade = significance(draft.finding, lexicon, context)
            yield Error("NUMFAB", "size", draft.finding, grade, "minor", draft.span, None)


def of_draft(
    draft: Report,
    drafts: Sequence[Observation],
    pairs: Iterable[tuple[int, int]],
    reference: Report,
    lexicon: Lexicon,
    context: Context,
) -> Iterator[Error]:
    """All errors that look at the draft, with the reference only as a witness."""
    yield from contradictions(draft.claims, drafts, lexicon, context)
    yield from repetitions(draft)
    yield from phantom_priors(draft, reference, lexicon, context)
    yield from invented_sizes(drafts, pairs, reference.claims, lexicon, context)
