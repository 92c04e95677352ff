"""Draft against reference: errors with a code, a significance and the spans that prove them.

FAB     in the draft only; contradicted (the reference denies it), unsupported (the reference speaks of the
        structure or device, but not of this), unaddressed (it does not)
OMI     in the reference only; denied or unmentioned by the draft
LAT LOC SEV CER TMP NUM DEV OVR
        one matched observation with another side, site, severity, certainty, course, size, device type or tip,
        or a more or less specific name that matters more or less
PRI     words of comparison where there is no earlier examination
NUMFAB  a size where neither reference nor indication gives any
CON REP the draft contradicts itself, or repeats a sentence

One wrong attribute of a matched observation is one error, never an added and a missing finding. The reference
is taken as the truth: what is measured is agreement with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from auditor.claims import attribute_errors, draft_errors
from auditor.claims.error import Context, Error, Span
from auditor.claims.evidence import Evidence
from auditor.claims.lexicon import Lexicon
from auditor.claims.match import match
from auditor.claims.observations import Observation, observe, pair_sides
from auditor.claims.report import Report
from auditor.claims.significance import significance

Support = Literal["contradicted", "unsupported", "unaddressed"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a draft and its reference say, which is which, and what is wrong."""

    drafts: list[Observation]
    references: list[Observation]
    pairs: list[tuple[int, int]]
    errors: list[Error]


def compare(draft: Report, reference: Report, lexicon: Lexicon, context: Context) -> Comparison:
    """Compare a draft with its reference. Errors come in order of their place in the draft."""
    drafts, references = observe(draft.claims, lexicon), observe(reference.claims, lexicon)
    drafts = pair_sides(drafts, references, lexicon)
    references = pair_sides(references, drafts, lexicon)
    pairs = match(drafts, references, lexicon)
    errors = [
        *_unmatched(drafts, references, pairs, draft, reference, lexicon, context),
        *(
            error
            for i, j in pairs
            for error in attribute_errors.of_pair(drafts[i], references[j], lexicon, context)
        ),
        *draft_errors.of_draft(draft, drafts, pairs, reference, lexicon, context),
    ]
    errors.sort(key=lambda e: (e.draft_span or (len(draft.text), 0), e.code, e.reference_span or (0, 0)))
    return Comparison(drafts, references, pairs, errors)


def _unmatched(
    drafts: Sequence[Observation],
    references: Sequence[Observation],
    pairs: Sequence[tuple[int, int]],
    draft: Report,
    reference: Report,
    lexicon: Lexicon,
    context: Context,
) -> Iterable[Error]:
    matched = {i for i, _ in pairs}, {j for _, j in pairs}
    evidence = Evidence(reference.claims, lexicon)
    for i, observation in enumerate(drafts):
        if i in matched[0]:
            continue
        copied = observation.finding in context.indicated
        denial = evidence.denial(observation)
        kind: Support
        if denial is not None and not copied:
            kind = "contradicted"
        else:
            kind = "unsupported" if copied or evidence.addresses(observation) else "unaddressed"
        yield Error(
            code="FAB",
            kind=kind,
            finding=observation.finding,
            significance=significance(observation.finding, lexicon, context),
            severity="major",
            draft_span=observation.span,
            reference_span=denial.span if denial is not None else None,
            copied=copied,
        )
    for i, j in pairs:
        yield from _denied_names(drafts[i], references[j], evidence, "FAB", lexicon, context)
    own = Evidence(draft.claims, lexicon)
    for i, j in pairs:
        yield from _denied_names(references[j], drafts[i], own, "OMI", lexicon, context)
    for j, observation in enumerate(references):
        if j in matched[1]:
            continue
        denial = own.denial(observation)
        span: Span | None = denial.span if denial is not None else None
        yield Error(
            code="OMI",
            kind="denied" if denial is not None else "unmentioned",
            finding=observation.finding,
            significance=significance(observation.finding, lexicon, context),
            severity="major",
            draft_span=span,
            reference_span=observation.span,
            copied=False,
        )


def _denied_names(
    one: Observation,
    other: Observation,
    evidence: Evidence,
    code: Literal["FAB", "OMI"],
    lexicon: Lexicon,
    context: Context,
) -> Iterator[Error]:
    """Names of a matched observation that the other report denies: "consolidation" where it says there is none."""
    for claim in one.claims:
        name = claim.finding
        if name in other.names or claim.certainty == "hedged" or name in context.indicated:
            continue
        denial = evidence.outright(name, claim.side, other.names)
        if denial is not None:
            grade = significance(name, lexicon, context)
            spans = (claim.span, denial.span) if code == "FAB" else (denial.span, claim.span)
            kind = "contradicted" if code == "FAB" else "denied"
            yield Error(code, kind, name, grade, "major", spans[0], spans[1])
            return
