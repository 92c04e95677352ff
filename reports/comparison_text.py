"""Every sentence of the page that compares two versions."""

from typing import Any, Final

COMPARISON: Final[dict[str, Any]] = {
    "kicker": "Version comparison",
    "against": "against",
    "answer_ok": "Nothing that decides is worse with {new} than with {old} on the same cases.",
    "answer_worse": "{new} is worse than {old} on the same cases; see what decides.",
    "answer_undecided": "Too few shared cases to tell whether {new} is worse than {old}.",
    "answer_insufficient": "Too few shared cases to tell whether {new} is worse than {old}.",
    "shared": (
        "{task}: {shared} questions about {cases} cases of {patients} patients were answered by both versions and "
        "are compared; {only_old} were answered by {old} alone and {only_new} by {new} alone and are not."
    ),
    "deciding": "What decides",
    "deciding_lead": (
        "Measures that the settings or the request named in advance. Worse: the whole 95 % interval of the "
        "difference lies beyond the margin. Intervals know that both versions answered about the same patients."
    ),
    "nothing_decides": "Neither the settings nor the request named a measure that decides: all are shown only.",
    "difference": "New minus old [95 % interval]",
    "margin": "Margin {margin}.",
    "verdicts": {
        "worse": "Worse",
        "insufficient": "Insufficient data",
        "undecided": "Undecided",
        "not worse": "Not worse",
        "better": "Better",
    },
    "worse_when": {
        "higher is worse": "higher is worse",
        "lower is worse": "lower is worse",
        "away from zero is worse": "away from zero is worse",
    },
    "changed": "Cases fixed and cases broken",
    "changed_lead": "Fixed: only the old version has the error. Broken: only the new one has it.",
    "error": "Error",
    "both": "In both",
    "fixed": "Fixed",
    "broken": "Broken",
    "list_broken": "Broken, {error}: {count} cases by pseudonym",
    "more": "and {count} more in the JSON",
    "whole": "All other measures",
    "whole_lead": "Shown without a verdict: of so many numbers some differ by chance.",
    "parts": "By finding and by group",
    "hidden": "{count} numbers are suppressed: they or their neighbours rest on fewer than 11 patients.",
    "provenance": "As of {as_of}. Settings {settings}; judgements {inputs}; lvlm-auditor {code}.",
}
