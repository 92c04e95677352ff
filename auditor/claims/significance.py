"""How much a finding matters: the lexicon's significance, adjusted by age and indication."""

from auditor.claims.error import Context
from auditor.claims.lexicon import Lexicon

#: Weights of errors in the score; never 0, so that any flip lowers it.
WEIGHT = {"urgent": 1.0, "actionable": 0.5, "not_actionable": 0.25, "benign": 0.1}


def significance(finding: str, lexicon: Lexicon, context: Context) -> str:
    """The significance of a finding in this patient; the first rule of the lexicon that applies decides."""
    entry = lexicon.findings.get(finding)
    if entry is None:
        return "benign"
    for rule in entry.adjust:
        if "age_over" in rule and (context.age is None or context.age <= rule["age_over"]):
            continue
        if "age_under" in rule and (context.age is None or context.age >= rule["age_under"]):
            continue
        if "indication" in rule and context.words.isdisjoint(rule["indication"]):
            continue
        return str(rule["significance"])
    return entry.significance
