"""In which order cases are shown: the gravest first."""

from typing import Final

#: How much a finding matters, gravest first; "" was not graded.
SIGNIFICANCE: Final = ("urgent", "actionable", "", "not_actionable", "benign")

#: What is wrong, gravest first: what the reference denies, a turned side, what was missed, and so on.
KINDS: Final = (
    "critical",
    "contradicted",
    "swapped",
    "opposite",
    "denied",
    "missed",
    "unmentioned",
    "false_alarm",
    "wrong",
    "partial",
    "elsewhere",
    "overinterpreted",
    "overstated",
    "type",
    "tip",
    "ordinal",
    "dropped",
    "understated",
    "certainty",
    "course",
    "unspecific",
    "adjacent",
    "size",
    "comparison",
    "contradiction",
    "unsupported",
    "unaddressed",
    "abstained",
    "repetition",
)

#: What became of an output, in the order of the list: errors come first.
OUTCOMES: Final = (
    "error",
    "output_error",
    "unparseable",
    "judge_failed",
    "awaiting",
    "no_error",
)


def place_of(value: str, order: tuple[str, ...]) -> int:
    """The place of a value in an order; one that is not in it comes last.

    >>> place_of("urgent", SIGNIFICANCE), place_of("unheard_of", SIGNIFICANCE)
    (0, 5)
    """
    return order.index(value) if value in order else len(order)
