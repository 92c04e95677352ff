"""What codes, kinds and outcomes are called on a page about cases."""

from typing import Final

from reports.text import ERROR_CODES

CODES: Final = {
    **ERROR_CODES,
    "CON": "Contradicts itself",
    "REP": "Repeats a sentence",
    "OVR": "More or less specific than the reference",
    "FN": "Missed finding",
    "FP": "False alarm",
    "WRONG": "Wrong answer",
    "ABS": "No answer given",
    "MISS": "True match not found",
}

KINDS: Final = {
    "critical": "a finding that must not be missed",
    "contradicted": "the reference says no",
    "unsupported": "the reference is silent",
    "unaddressed": "the reference never mentions the structure",
    "denied": "the draft says it is not there",
    "unmentioned": "the draft does not mention it",
    "swapped": "the other side",
    "partial": "both sides against one",
    "dropped": "the draft leaves it out",
    "elsewhere": "another place",
    "adjacent": "the place beside it",
    "ordinal": "another grade",
    "overstated": "said with more certainty",
    "understated": "said with less certainty",
    "certainty": "another certainty",
    "opposite": "the opposite course",
    "course": "another course",
    "size": "another size",
    "type": "another device",
    "tip": "the tip elsewhere",
    "overinterpreted": "the draft says more than the reference",
    "unspecific": "the draft says less than the reference",
    "comparison": "compares with a study that is not there",
    "contradiction": "said and denied in one draft",
    "repetition": "said twice",
    "missed": "labelled present, the system says absent",
    "false_alarm": "labelled absent, the system says present",
    "wrong": "the answer differs from the reference",
    "abstained": "the system declined to answer",
    "unlisted": "no true match in the list, or none among its first ten",
}

SIGNIFICANCE: Final = {
    "urgent": "Urgent",
    "actionable": "Actionable",
    "not_actionable": "Not actionable",
    "benign": "Benign",
    "": "Not graded",
}

OUTCOMES: Final = {
    "error": "An error was found",
    "no_error": "No error was found",
    "awaiting": "Waits for its reference",
    "unparseable": "Could not be read or compared",
    "judge_failed": "The judge gave no judgement",
    "output_error": "The system gave an error",
}


def finding(name: str) -> str:
    """
    >>> finding("pleural_effusion")
    'pleural effusion'
    """
    return name.replace("_", " ")
