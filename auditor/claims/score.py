"""Agreement of a draft with its reference in [0, 1], weighted by significance.

score = (κ + M) / (κ + M + E), κ = ½; M is the weight of what is right, E of what is wrong. A matched
observation of weight w earns w·c, where c is the product over its attribute errors (minor ¾, major ½, a
swapped side ¼), and costs w(1 − c). Symmetric in draft and reference but for errors of the draft alone.
"""

from collections.abc import Iterable

from auditor.claims.compare import Comparison
from auditor.claims.error import Context, Error
from auditor.claims.lexicon import Lexicon
from auditor.claims.significance import WEIGHT, significance

_KAPPA = 0.5
_CREDIT = {"minor": 0.75, "major": 0.5}
_SWAPPED = 0.25
_OWN = 0.5  # share of its weight that an error of the draft alone costs
#: Codes of what is wrong with a matched observation.
ATTRIBUTES = frozenset(("LAT", "LOC", "SEV", "CER", "TMP", "NUM", "DEV", "OVR"))


def _credit(errors: Iterable[Error]) -> float:
    credit = 1.0
    for error in errors:
        swapped = error.code == "LAT" and error.severity == "major"
        credit *= _SWAPPED if swapped else _CREDIT[error.severity]
    return credit


def weighted(matched: Iterable[tuple[float, Iterable[Error]]], others: Iterable[Error]) -> float:
    """The score of matched observations, each a weight with its attribute errors, and of all other errors.

    >>> weighted([], [])
    1.0
    """
    right = wrong = 0.0
    for error in others:
        wrong += WEIGHT[error.significance] * (1.0 if error.code in ("FAB", "OMI") else _OWN)
    for weight, errors in matched:
        credit = _credit(errors)
        right += weight * credit
        wrong += weight * (1 - credit)
    return (_KAPPA + right) / (_KAPPA + right + wrong)


def score(comparison: Comparison, lexicon: Lexicon, context: Context) -> float:
    """The score of a comparison; 1 exactly when it found no error."""
    by_pair: dict[tuple[object, object], list[Error]] = {}
    others: list[Error] = []
    for error in comparison.errors:
        if error.code in ATTRIBUTES:
            by_pair.setdefault((error.draft_span, error.reference_span), []).append(error)
        else:
            others.append(error)
    matched = []
    for i, j in comparison.pairs:
        draft, reference = comparison.drafts[i], comparison.references[j]
        weight = max(WEIGHT[significance(o.finding, lexicon, context)] for o in (draft, reference))
        matched.append((weight, by_pair.get((draft.span, reference.span), ())))
    return weighted(matched, others)
