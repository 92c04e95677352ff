"""Every word a reader of a report sees, in one place; the templates take theirs from `WORDS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StatusWords:
    """How a status is said. `icon` is the shape that stands for it without any colour."""

    word: str
    meaning: str
    icon: str
    answer: str  # the one-sentence answer on page one; fields: system, named, asked, count


#: In order of severity, the gravest first.
STATUSES: Final[Mapping[str, StatusWords]] = {
    "failed": StatusWords(
        "Failed", "the audit could not be carried out", "square-cross",
        "The audit itself failed, so nothing can be said about {system}: {named}.",
    ),
    "act": StatusWords(
        "Act", "beyond the act bound, also at the near end of the interval", "octagon",
        "A decision is needed on {system}: {named}.",
    ),
    "stale": StatusWords(
        "Stale", "no recent data", "clock",
        "Nothing recent is known about {system}: {named}.",
    ),
    "watch": StatusWords(
        "Watch", "not safely inside the watch bound", "triangle",
        "No decision is due on {system}, but these need watching: {named}.",
    ),
    "insufficient": StatusWords(
        "Insufficient data", "too few cases to tell", "dashed-circle",
        "There is not enough data to say that {system} is safe: {named}.",
    ),
    "ok": StatusWords(
        "OK", "inside the watch bound, also at the far end of the interval", "circle-check",
        "Everything asked about {system} lies inside the bounds fixed in advance ({asked} asked).",
    ),
    "": StatusWords(
        "No verdict", "no bound was fixed in advance", "dash",
        "No bound was fixed in advance for {system}, so the numbers below carry no verdict.",
    ),
}  # fmt: skip

TASKS: Final[Mapping[str, str]] = {
    "report": "Report drafts",
    "classification": "Finding scores",
    "vqa": "Questions about images",
    "": "The audit itself",
}

#: What one output of a task is called: (one, many).
OUTPUTS: Final[Mapping[str, tuple[str, str]]] = {
    "report": ("draft", "drafts"),
    "classification": ("scored image", "scored images"),
    "vqa": ("answer", "answers"),
}

ERROR_CODES: Final[Mapping[str, str]] = {
    "FAB": "Fabricated finding",
    "OMI": "Omitted finding",
    "LAT": "Wrong side",
    "LOC": "Wrong place",
    "SEV": "Wrong severity",
    "CER": "Wrong certainty",
    "TMP": "Wrong change over time",
    "NUM": "Wrong number",
    "NUMFAB": "Invented number",
    "DEV": "Wrong device",
    "PRI": "Invented prior study",
}

KINDS: Final[Mapping[str, str]] = {
    "contradicted": "the reference says no",
    "unsupported": "the reference is silent",
    "unaddressed": "the reference never mentions the structure",
    "omitted": "the draft leaves it out",
    "laterality": "the side differs",
}

SIGNIFICANCE: Final[Mapping[str, str]] = {
    "urgent": "urgent",
    "actionable": "actionable",
    "not_actionable": "not actionable",
    "benign": "benign",
}

WORDS: Final[Mapping[str, str]] = {
    "kicker": "Audit report",
    "simulated": "Simulated data. No patient, no hospital and no deployed system stands behind these numbers.",
    "intended_use": "Intended use",
    "owner": "Owner",
    "version": "Version",
    "earlier_versions": "also in this window: {versions}",
    "window": "Window",
    "all_time": "everything received, without limits of time",
    "since": "since {start}",
    "until": "until {end}",
    "as_of": "As of",
    "verdict": "Overall verdict",
    "audited": "Audited {judged} of {outputs} {noun}",
    "audited_none": "No outputs of version {version} lie in this window.",
    "audited_patients": "from {patients} {unit}, {cases} studies",
    "patients": "patients",
    "units_unkeyed": "patients or studies (no patient key)",
    "flow_other": "Version {version}: {judged} of {outputs} {noun} audited.",
    "flow_loss": "Not audited: {losses}.",
    "flow_lossless": "Every one of them could be judged.",
    "awaiting": "awaiting a reference",
    "unparseable": "could not be parsed",
    "judge_failed": "judge failed",
    "output_error": "an error instead of an output",
    "undated": "{count} without a time: counted, but in no trend.",
    "per_thousand": "Clinically significant errors per 1,000 reports",
    "per_thousand_label": "uncorrected: automatic judge, no radiologist review yet",
    "per_thousand_earlier": "uncorrected: automatic judge; the reviews at hand are of an earlier window",
    "corrected_card": "Reports with a clinically significant fabrication, per 1,000",
    "corrected_label": "corrected by {reviewed} reviews: the rate of the system (process)",
    "corrected_beside": "Uncorrected, contradicted and significant findings by the automatic judge: {rate}.",
    "agreement": "The judge agrees with our reviewers on {share}, last checked {checked} on {window}.",
    "agreement_unknown": "The reviews do not reach every class of the judge: its agreement with them is unknown.",
    "corrected": "Corrected by reviewers",
    "corrected_lead": (
        "Radiologists reviewed a random sample, stratified by what the judge said. Their word is taken as the "
        "truth. The rate of the system and the share of this window answer different questions."
    ),
    "corrected_elsewhere": "These reviews are of an earlier window: they judge the judge, not this rate.",
    "corrected_process": "Reports with a clinically significant fabrication: the system (process)",
    "corrected_window": "… the reports of the sampled window",
    "corrected_powered": "… the system, by PPI++",
    "judge_rate": "Uncorrected: reports that the judge flags as {flagged}",
    "judge_agreement": "Agreement of the judge with reviewers",
    "judge_sensitivity": "Sensitivity of the judge for what reviewers find",
    "judge_specificity": "Specificity of the judge",
    "readers_agreement": "Two readers agree with each other",
    "readers_kappa": "… beyond chance, Cohen's kappa",
    "readers_ac1": "… beyond chance, Gwet's AC1",
    "corrected_basis": (
        "{reviewed} reviews of {patients} patients (effective {n_eff}), readers: {readers}; "
        "sampled window: {window}."
    ),
    "read_twice": "Read twice or more: {twice}; the readers differ on {differ}.",
    "not_told": "the reviews cannot tell",
    "per_thousand_missing": "Not measured in this window.",
    "per_thousand_meaning": "findings that the radiologist's report contradicts and that would change care",
    "verdicts": "What was asked, gravest first",
    "no_verdicts": "Nothing was measured on the whole system, so there is no verdict to show.",
    "question": "Question",
    "result": "Result [95 % interval]",
    "bounds": "Bounds",
    "basis": "Measured on",
    "bound_watch": "watch {watch}",
    "bound_act": "act {act}",
    "no_bound": "none fixed",
    "worst_of": "worst of {count}: {names}",
    "tally_of_statuses": "of {total}: {parts}",
    "legend": "What the verdicts mean",
    "measurements": "Measurements",
    "measurements_lead": (
        "Every number with its 95 % interval in brackets and what it was counted on. Versions are never pooled."
    ),
    "no_measurements": "Nothing was measured in this window.",
    "whole": "The task as a whole",
    "probes": "Does it look at the image, and does it hold still?",
    "probes_lead": (
        "Questions that were asked again with another image (black, noise, another patient's, flipped, cropped), "
        "in other words, or about what is not there. A model may score well without looking; then nothing it says "
        "of this patient comes from this patient."
    ),
    "change": "Change against the reference window",
    "by_finding": "By finding",
    "measure": "Measure",
    "value": "Value [95 % interval]",
    "counted": "Counted",
    "resampled": "From",
    "status": "Verdict",
    "finding": "Finding",
    "reliability": "Reliability: do stated probabilities come true?",
    "no_reliability": "No output states a probability that could be held against a label, so there is no figure.",
    "reliability_more": "{count} further findings have bins too; they are in the JSON file.",
    "reliability_lead": (
        "Grey boxes: where a bin of a calibrated system of this size lies 95 times of 100. Bars: 95 % interval of "
        "what was observed."
    ),
    "worth": "What the probabilities are worth",
    "worth_lead": (
        "Brier score = miscalibration − discrimination + uncertainty. Miscalibration is what a better scale would "
        "save; it is above zero by chance too. Discrimination is what the order of the outputs gains over saying "
        "the same of all. The test asks whether every bin is calibrated: with enough outputs any system fails it."
    ),
    "worth_heads": "Of|Labelled|Brier score|Miscalibration|Discrimination|Uncertainty|Calibrated? p",
    "worth_more": "{count} further findings are in the JSON file.",
    "risk": "What can be trusted",
    "risk_lead": (
        "If only the more confident outputs were trusted, so many of them would be wrong. A classifier's "
        "confidence is that in the likelier of present and absent."
    ),
    "trust": (
        "outputs stated with {threshold} or more are {coverage} of all; {risk} of them are wrong, at most {high} "
        "(one-sided, {sureness}), within the accepted {accepted}."
    ),
    "trust_none": "no threshold keeps errors within the accepted {accepted}: {why}.",
    "sampled": (
        "the confidence is a share of {samples} answers; its mean distance from what came true is {stated}, and "
        "{corrected} once the chance of so few answers is taken out."
    ),
    "macro": "Mean over findings",
    "estimated": "Estimated before labels come",
    "estimated_lead": (
        "From the scores alone (CBPE), an early warning without verdict: it holds only while a probability means "
        "what it meant in the reference window. Beside it what the labels of this window say so far, and how far "
        "the estimate was off."
    ),
    "estimated_heads": "Measure and finding|Estimated [95 % interval]|By labels so far|Estimated minus by labels",
    "subgroups": "Subgroups",
    "subgroups_lead": (
        "Each group beside the whole. Groups differ in what they were imaged for and how: a gap is a question, "
        "not yet an explanation."
    ),
    "no_subgroups": "No slices were measured: none are named in the settings, or no case records the attribute.",
    "worst": "The worst group of each attribute",
    "worst_lead": (
        "How much worse off than everyone else, beside the worst of as many equal groups. Where it is beyond "
        "chance, the gap is given again with both sides alike in one other attribute: what then shrinks may be "
        "that attribute's, though that may itself be how a group is failed."
    ),
    "worst_more": "{count} further worst groups, none beyond chance, are in the JSON file.",
    "worst_heads": "Measure|Worst group|Worse by|By chance|With others alike",
    "worst_chance": "{median}, rarely {high}",
    "worst_beyond": "beyond chance",
    "held": "{attribute}: {gap}",
    "held_not": "{attribute}: the two sides hardly meet",
    "parity": "Largest differences between groups",
    "parity_lead": (
        "Of version {version}, as fairness reviews ask for them. The distance between the extremes of several "
        "groups is above zero also where nothing is unfair: shown for orientation, without interval or verdict."
    ),
    "parity_heads": "Attribute|Groups|Share flagged|Sensitivity or false-positive rate|Note",
    "gaps": "Gaps: group minus everyone else",
    "no_gaps": "No gap between a group and the rest was measured.",
    "gaps_more": "{count} further gaps without a verdict of Watch or graver are in the JSON file.",
    "other_tables": "The remaining measures by group",
    "slice": "Group",
    "gap": "Gap [95 % interval]",
    "suppressed_list": "Suppressed (fewer than 11 patients, or the next smallest group): {names}.",
    "watching": "Watched week by week",
    "watching_lead": (
        "Stop questions, named in advance, on the whole system. Each week is counted once, {days} days after it "
        "ended, one output a patient; what arrives later changes no past week. An alarm means that outcomes have "
        "been worse than the bound for weeks; the alarms that chance may raise have a yearly budget."
    ),
    "watch_list": "Watch list of the week",
    "watch_list_lead": (
        "Of {asked} gaps between a group and everyone else in the week of {week}, these stand out; about one in "
        "ten of such a list is chance. Each is a reason to look, never to act."
    ),
    "watch_list_heads": "Measure|Group|Gap|p|The week before",
    "watch_list_again": "stood out too",
    "held_to_head": "Held to",
    "held_to": "alarm when risen above {bound}",
    "held_to_lower": "alarm when fallen below {bound}",
    "weekly_chart": "{title}, watched week by week",
    "trend": "Trend",
    "no_trend": "No output carries a time, or the window is too short, so there is no trend.",
    "trend_key": (
        "Filled: final. Open: the period is younger than {days} days and may still change. "
        "Shape: version ({versions}). Bars: 95 % interval, cut at the edge of the figure."
    ),
    "trend_small": "Not drawn, too few patients or undefined: {periods}.",
    "standardised": (
        "Dashed: at the case mix of the reference window. Period from {period}: crude {crude}, standardised "
        "{mixed}, explained by case mix {explained}."
    ),
    "drift": "Drift",
    "drift_lead": (
        "How far inputs and outputs have moved from the reference window. The grey bar is how far two samples of "
        "the same population differ by chance (95 % of the time). Drift alone is never more than Watch."
    ),
    "no_drift": "No reference window is declared, or it holds no data, so drift was not measured.",
    "drift_shares": "Shares in the reference window and in this window",
    "column": "Column",
    "distance": "Distance",
    "null": "Chance (95 %)",
    "evidently": "Evidently",
    "method": "Method",
    "moved": "moved",
    "not_moved": "not moved",
    "moved_by": "Moved?",
    "templates": "Said again and again",
    "templates_lead": (
        "Sentences that stand in more than half of the {drafts} drafts of version {version}, whatever the image "
        "shows, beside the radiologists' reports of the same cases."
    ),
    "templates_heads": "Sentence|Of the drafts|Of the radiologists' reports|Seen",
    "templates_beyond": "far more often than radiologists",
    "templates_same": "The commonest whole draft makes up {share} of them{warning}.",
    "templates_collapsed": ": the system says the same whatever it sees",
    "templates_withheld": "withheld by policy",
    "exemplars": "Worst examples",
    "no_exemplars": "No error was found in this window, or no task is one that yields examples.",
    "exemplars_lead": "The gravest errors, at most one a case. The marked words are the ones at fault.",
    "exemplars_span": "Only the words at fault are shown, by policy (exemplars: span).",
    "exemplars_withheld": "Texts are withheld by policy (exemplars: none); what was found is listed without them.",
    "draft": "Draft",
    "reference": "Reference",
    "absent_text": "–",
    "case": "Case",
    "contrasts": "all gaps and changes",
    "drift_table": "Every column",
    "drift_rest": "{count} further columns, none further out than these, are in the table only.",
    "methods": "Methods and limits",
    "methods_intervals": "How the intervals are made",
    "methods_limits": "What a reader must know",
    "rule": (
        "Verdict rule, for a measure where higher is worse: Act when the near end of the interval lies beyond the "
        "act bound; OK only when its far end lies inside the watch bound; otherwise Insufficient data if a rise "
        "that matters could not have been seen, else Watch. What was not measured is never OK."
    ),
    "repeated": "Repeated looks are not corrected: a series of such reports raises more false alarms than one.",
    "repeated_charts": (
        "Repeated looks are corrected in the weekly charts alone: every other number is one plain window, and a "
        "series of them raises more false alarms than one."
    ),
    "unsupported": "Unsupported is not false: the reference is silent, and signed reports leave things out.",
    "maturity": "A period is final {days} days after its last output; until then references may still arrive.",
    "provenance": "Provenance",
    "provenance_lead": "The same inputs, settings, code and seed give the same numbers and the same page.",
    "restates": "This audit measures a past window again; the earlier audit {audit} is kept as it was.",
    "by_chance": "(by chance up to {high})",
    "was": "(was {old})",
    "few": "fewer than 11 patients",
    "not_recorded": "not recorded",
    "minus_rest": "{title}, minus everyone else",
    "minus_reference": "{title}, change from the reference window",
    "about": "about {count}",
    "of_people": "{count} of {people}",
}  # fmt: skip

#: Labels of the provenance table, in order: (field of Provenance, label).
PROVENANCE: Final[tuple[tuple[str, str], ...]] = (
    ("audit", "Audit"),
    ("key", "Build key"),
    ("config", "Settings"),
    ("inputs", "Inputs"),
    ("segments", "Segments read"),
    ("last_segment", "Last segment"),
    ("journal_head", "Journal head"),
    ("code", "Product version"),
    ("judges", "Judges"),
    ("monitors", "Monitors"),
    ("seed", "Seed"),
    ("restates", "Restates"),
)


def severity(status: str) -> int:
    """0 for the gravest status; an unknown status counts as grave, never as fine.

    >>> severity("act") < severity("ok") < severity("")
    True
    """
    order = list(STATUSES)
    return order.index(status) if status in order else 0


def words_of(status: str) -> StatusWords:
    """The words of a status; one that is not known is said as it is written, with the gravest icon."""
    return STATUSES.get(status) or StatusWords(status, "not a known status", "square-cross", "{named}.")
