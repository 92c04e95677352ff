"""What a language model is asked about a report, and how its answer becomes a judgement.

The model lists findings and quotes the words that prove them; everything that is counted is counted here, from
that list. A quote that is not in the text makes the whole answer worthless.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.claims.error import Code, Error, Span
from auditor.claims.score import weighted
from auditor.claims.significance import WEIGHT
from auditor.judges.chat import ChatError
from auditor.judges.failure import Failure
from auditor.judges.pairs import age, has_words, text, truth
from auditor.judges.prompts import schema_of
from auditor.judges.report import NO_REFERENCE, NO_WORDS, judged, missing

PROMPT: Final = "report-1"
#: Characters of a text. Reports are a hundredth of this; a longer text would only be cut off by the model.
LONGEST_TEXT: Final = 60_000
_FINDINGS: Final = frozenset(schema_of(PROMPT)["$defs"]["Finding"]["enum"])
_PROVEN: Final = ("supported", "contradicted")
#: The kind that the rules give each attribute error, by severity.
_KIND: Final[dict[str, dict[str, str]]] = {
    "LAT": {"major": "swapped", "minor": "partial"},
    "LOC": {"major": "elsewhere", "minor": "adjacent"},
    "SEV": {"major": "ordinal", "minor": "ordinal"},
    "CER": {"major": "certainty", "minor": "certainty"},
    "TMP": {"major": "opposite", "minor": "course"},
    "NUM": {"major": "size", "minor": "size"},
    "DEV": {"major": "type", "minor": "tip"},
    "OVR": {"major": "overinterpreted", "minor": "overinterpreted"},
    "PRI": {"minor": "comparison"},
    "NUMFAB": {"minor": "size"},
    "CON": {"major": "contradiction"},
    "REP": {"minor": "repetition"},
}


def _known(name: str) -> str:
    """A name outside the list could be any words of the report, which may not leave it."""
    if name not in _FINDINGS:
        raise ValueError("not a finding of the list")
    return name


Finding = Annotated[str, AfterValidator(_known)]
Quote = Annotated[str, Field(min_length=1, max_length=2_000)]
Significance = Literal["urgent", "actionable", "not_actionable", "benign"]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class WrongAttribute(_Reply):
    """One attribute of a supported finding that differs from the reference."""

    code: Literal["LAT", "LOC", "SEV", "CER", "TMP", "NUM", "DEV", "OVR"]
    severity: Literal["minor", "major"]


class DraftFinding(_Reply):
    """A finding that the draft asserts."""

    finding: Finding
    draft_quote: Quote
    support: Literal["supported", "contradicted", "unsupported", "unaddressed"]
    reference_quote: Quote | None
    significance: Significance
    attribute_errors: list[WrongAttribute]

    @model_validator(mode="after")
    def _sound(self) -> "DraftFinding":
        if self.support in _PROVEN and self.reference_quote is None:
            raise ValueError("a supported or contradicted finding needs the words of the reference")
        codes = [error.code for error in self.attribute_errors]
        if codes and (self.support != "supported" or len(set(codes)) < len(codes)):
            raise ValueError("attribute errors are for supported findings, each code once")
        return self


class OmittedFinding(_Reply):
    """A finding of the reference that the draft leaves out."""

    finding: Finding
    reference_quote: Quote
    significance: Significance


class DraftError(_Reply):
    """What is wrong with the draft by itself."""

    code: Literal["PRI", "NUMFAB", "CON", "REP"]
    draft_quote: Quote
    significance: Significance


class ReportReply(_Reply):
    """The whole answer."""

    draft_findings: Annotated[list[DraftFinding], Field(max_length=200)]
    omitted_findings: Annotated[list[OmittedFinding], Field(max_length=200)]
    draft_errors: Annotated[list[DraftError], Field(max_length=200)]


def located(quote: str, words_of: str) -> Span:
    """Where a quote stands in a text; spacing, line breaks and case may differ. Raises ChatError if nowhere.

    >>> located("small effusion", "There is a Small\\neffusion.")
    (11, 25)
    """
    quote = quote.strip()
    at = words_of.find(quote)
    if at >= 0 and has_words(quote):
        return at, at + len(quote)
    words = [re.escape(word) for word in quote.split()]
    found = re.search(r"\s+".join(words), words_of, re.IGNORECASE) if words else None
    if found is None or not has_words(quote):
        raise ChatError(Failure.INVENTED)
    return found.span()


class ReportSubject:
    """A draft report beside the radiologist's."""

    prompt = PROMPT

    def settled(self, pair: Mapping[str, Any], judge: str) -> dict[str, Any] | None:
        """The result where there is nothing to ask about."""
        draft, reference = text(pair, "draft"), text(pair, "reference")
        if draft is None or not has_words(draft):
            return missing(pair, "unparseable", NO_WORDS, judge)
        if not has_words(reference):
            return {**missing(pair, "awaiting", NO_REFERENCE, judge), "length": len(draft.split())}
        return None

    def failed(self, pair: Mapping[str, Any], failure: Failure, judge: str) -> dict[str, Any]:
        """The result where there is no answer: a missing judgement."""
        result = missing(pair, "judge_failed", str(failure), judge)
        return {**result, "length": len((text(pair, "draft") or "").split())}

    def question(self, pair: Mapping[str, Any]) -> str:
        """The pair as JSON, whose quoting keeps each text inside its field. Raises ChatError for huge texts."""
        texts = {name: text(pair, name) for name in ("draft", "reference", "indication")}
        if any(len(value or "") > LONGEST_TEXT for value in texts.values()):
            raise ChatError(Failure.OVERSIZED)
        about = {"age": age(pair), "sex": text(pair, "sex"), "has_prior": truth(pair, "has_prior")}
        return json.dumps(texts | about, ensure_ascii=False)

    def read(self, pair: Mapping[str, Any], answer: str, judge: str) -> dict[str, Any]:
        """The judgement that an answer gives. Raises ChatError when it gives none."""
        try:
            reply = ReportReply.model_validate_json(answer)
        except ValidationError:
            raise ChatError(Failure.UNREADABLE) from None
        draft, reference = text(pair, "draft") or "", text(pair, "reference") or ""
        matched, others = [], []
        for finding in reply.draft_findings:
            span = located(finding.draft_quote, draft)
            proof = None if finding.reference_quote is None else located(finding.reference_quote, reference)
            if finding.support == "supported":
                matched.append((WEIGHT[finding.significance], _attributes(finding, span, proof)))
            else:
                others.append(_error("FAB", finding.support, finding.finding, finding.significance, span, proof))
        supported = len(matched)
        for left_out in reply.omitted_findings:
            span = located(left_out.reference_quote, reference)
            others.append(_error("OMI", "unmentioned", left_out.finding, left_out.significance, None, span))
        for own in reply.draft_errors:
            span = located(own.draft_quote, draft)
            (severity, kind), *_ = _KIND[own.code].items()
            others.append(_error(own.code, kind, "", own.significance, span, None, severity))
        errors = [*others, *(error for _, found in matched for error in found)]
        errors.sort(key=lambda e: (e.draft_span or (len(draft), 0), e.code, e.reference_span or (0, 0)))
        return judged(
            pair,
            asserted=len(reply.draft_findings),
            reference_findings=supported + len(reply.omitted_findings),
            errors=errors,
            score=weighted(matched, others),
            findings=(one.finding for one in reply.draft_findings),
            addressed=None,
            words=len(draft.split()),
            judge=judge,
        )


def _attributes(finding: DraftFinding, span: Span, proof: Span | None) -> list[Error]:
    return [
        _error(
            one.code,
            _KIND[one.code][one.severity],
            finding.finding,
            finding.significance,
            span,
            proof,
            one.severity,
        )
        for one in finding.attribute_errors
    ]


def _error(
    code: Code,
    kind: str,
    finding: str,
    significance: str,
    draft_span: Span | None,
    reference_span: Span | None,
    severity: str = "major",
) -> Error:
    return Error(
        code, kind, finding, significance, "minor" if severity == "minor" else "major", draft_span, reference_span
    )
