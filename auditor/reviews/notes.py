"""What must be read beside the numbers that reviews give, and what they cannot tell."""

import math
from collections.abc import Iterator

from monitors.adjudication import Corrected
from monitors.judge_accuracy import JudgeAccuracy


def of_rates(blinded: bool, corrected: Corrected, left: int, lone: int) -> Iterator[str]:
    """Of the corrected rates: `left` items not returned, `lone` errors the judge missed and one reader read."""
    if corrected.note:
        yield corrected.note
    if not blinded:
        yield "reviewers saw the judge's finding, which draws them towards it"
    if left:
        yield f"drawn and not returned yet, unbiased only if the reason is not what they say: {left}"
    if lone:
        yield f"found by one reader where the judge flagged nothing, so have a second one read them: {lone}"


def of_judge(accuracy: JudgeAccuracy, kept: bool) -> Iterator[str]:
    """What the reviews cannot tell of the judge, and why; `kept`: the sample holds its answer to the question."""
    names = ("agreement", "sensitivity", "specificity")
    missing = ", ".join(name for name in names if math.isnan(getattr(accuracy, name).value))
    if missing and not kept:
        yield f"drawn when the judge's answer to the reviewers' question was not kept, so not told: {missing}"
    elif missing:
        why = "for want of reviews of a class, of one of its answers, or with one of theirs"
        yield f"not told of the judge, {why}: {missing}"
