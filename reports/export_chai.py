"""The audit as a CHAI Applied Model Card (XML, v0.2): local validity beside what only the developer can say.

Source: the Coalition for Health AI's schema, https://mc.chai.org/v0.2/schema.xsd; its rules are kept here in our
own words (`_CARD`) and every card can be held against them (`problems`).
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Any, Final

from reports import corrections, headline
from reports.chai_metrics import metrics
from reports.dossier import Dossier
from reports.numbers import days, integer, moment, number, result, slice_name
from reports.plain_text import clean
from reports.sections.evidence import limits
from reports.text import CHAI, CHAI_ASK, OUTPUTS, TASKS, WORDS

NAMESPACE: Final = "https://mc.chai.org/v0.2/schema.xsd"

_METRIC: Final[Any] = (
    "MetricGoal",
    ("Results", (("MetricResult+", ("Label", "ValueJson")),)),
    "Interpretation",
    "TestType",
    "TestingDataDescription",
    "ValidationProcessAndJustification",
)
#: Every element in its order: a name is a text, a pair has elements inside; ? may be absent, + and * repeat.
_CARD: Final[Any] = (
    ("BasicInfo", ("ModelName", "ModelDeveloper", "DeveloperContact")),
    (
        "ReleaseInfo",
        (
            *("ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability"),
            ("EHRCompatibility?", ("EHR*",)),
            "RegulatoryApproval?",
        ),
    ),
    ("ModelSummary", ("Summary", ("Keywords", ("Keyword*",)))),
    (
        "UsesAndDirections",
        (
            *("IntendedUseAndWorkflow", "PrimaryIntendedUsers", "HowToUse", "TargetedPatientPopulation"),
            "CautionedOutOfScopeSettings",
        ),
    ),
    ("Warnings", ("KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel")),
    (
        "TrustIngredients",
        (
            (
                "AISystemFacts",
                (
                    *("OutcomesAndOutputs", "ModelType", "FoundationModels?", "InputDataSource"),
                    *("OutputAndInputDataTypes", "DevelopmentDataCharacterization", "BiasMitigationApproaches"),
                    *("OngoingMaintenance", "Security?", "Transparency?"),
                ),
            ),
            ("TransparencyInformation", ("FundingSource", "ThirdPartyInformation?", "StakeholdersConsulted")),
        ),
    ),
    (
        "KeyMetrics",
        (("UsefulnessUsabilityEfficacy", _METRIC), ("FairnessEquity", _METRIC), ("SafetyReliability", _METRIC)),
    ),
    (
        "Resources",
        (
            *("EvaluationReferences?", "ClinicalTrial?", "PeerReviewedPublications", "ReimbursementStatus?"),
            "PatientConsentOrDisclosure",
        ),
    ),
    "Bibliography",
)


def render(dossier: Dossier) -> str:
    """The card of the current version; the same dossier always gives the same text.

    What the audit measured is filled in, what only the developer knows says so. Suppressed rows show no number.
    """
    root = ET.Element("AppliedModelCard", {"xmlns": NAMESPACE})
    _fill(root, _CARD, _content(dossier))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _fill(parent: ET.Element, rules: Sequence[Any], content: dict[str, Any]) -> None:
    """Elements in the order of the rules; a text that is not given is the developer's to say."""
    for rule in rules:
        name, inside = (rule, ()) if isinstance(rule, str) else rule
        plain, often = name.rstrip("?+*"), name[-1:]
        value = content.get(plain)
        if value is None and often in "?*" and often:
            continue
        for one in value if isinstance(value, list) else [value]:
            element = ET.SubElement(parent, plain)
            if inside:
                _fill(element, inside, one or {})
            else:
                element.text = clean(CHAI_ASK if one is None else str(one))


def _content(dossier: Dossier) -> dict[str, Any]:
    title = dossier.title or dossier.system
    version = dossier.current_version or WORDS["absent_text"]
    as_of, window = moment(dossier.as_of, dossier.timezone), days(dossier.start, dossier.end)
    answer = headline.answer(dossier, headline.lines(dossier))
    tasks = _tasks(dossier)
    one = dossier.provenance
    first = {name: day for day, name in dossier.version_changes}.get(dossier.current_version)
    owner = CHAI["contact"].format(owner=dossier.owner) if dossier.owner else CHAI["contact_unknown"]
    simulated = f"{WORDS['simulated']} " if dossier.simulated else ""
    words = CHAI["keywords"].split("|") + ([CHAI["keyword_simulated"]] if dossier.simulated else [])
    flows = _flows(dossier)
    charts = CHAI["charts"].format(count=len(dossier.charts)) if dossier.charts else CHAI["no_charts"]
    return {
        "BasicInfo": {"ModelName": title, "DeveloperContact": owner},
        "ReleaseInfo": {
            "ReleaseStage": CHAI["stage"],
            "ReleaseDate": CHAI["first_seen"].format(day=first.isoformat()) if first else None,
            "ReleaseVersion": version,
        },
        "ModelSummary": {
            "Summary": CHAI["summary"].format(
                simulated=simulated, title=title, version=version, window=window, as_of=as_of, answer=answer
            ),
            "Keywords": {"Keyword": words},
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": CHAI["use"].format(use=dossier.intended_use.rstrip("."))
            if dossier.intended_use
            else None,
            "TargetedPatientPopulation": CHAI["population"].format(flows=flows)
            if flows
            else CHAI["population_none"],
        },
        "Warnings": {
            "KnownRisksAndLimitations": "\n".join(f"- {sentence}" for sentence in limits(dossier)),
            "KnownBiasesOrEthicalConsiderations": _biases(dossier),
        },
        "TrustIngredients": {
            "AISystemFacts": {
                "OutcomesAndOutputs": CHAI["outputs"].format(tasks=tasks) if tasks else CHAI["outputs_none"],
                "InputDataSource": CHAI["input"],
                "OutputAndInputDataTypes": CHAI["types"].format(tasks=tasks or WORDS["absent_text"]),
                "OngoingMaintenance": CHAI["maintenance"].format(
                    as_of=as_of, window=window, days=dossier.maturity_days, charts=charts
                ),
                "Transparency": CHAI["transparency"].format(
                    audit=one.audit, config=one.config, inputs=one.inputs, head=one.journal_head
                ),
            },
        },
        "KeyMetrics": _metrics(dossier, flows, window),
        "Resources": {
            "EvaluationReferences": CHAI["references"].format(
                audit=one.audit, day=dossier.as_of.date().isoformat(), key=one.key, head=one.journal_head
            )
        },
        "Bibliography": CHAI["bibliography"].format(
            key="audit-" + "".join(c for c in one.audit if c.isascii() and (c.isalnum() or c == "-")),
            title=_bibtex(title),
            version=_bibtex(version),
            year=dossier.as_of.year,
            audit=_bibtex(one.audit),
            head=_bibtex(one.journal_head),
        ),
    }


def _bibtex(text: str) -> str:
    return text.replace("{", "(").replace("}", ")").replace("\\", "/")


def _tasks(dossier: Dossier) -> str:
    return ", ".join(dict.fromkeys(TASKS.get(flow.task, flow.task).lower() for flow in dossier.flows))


def _flows(dossier: Dossier) -> str:
    return " ".join(
        CHAI["flow"].format(
            task=TASKS.get(flow.task, flow.task),
            version=flow.version,
            judged=integer(flow.judged),
            outputs=integer(flow.outputs),
            noun=OUTPUTS.get(flow.task, ("output", "outputs"))[flow.outputs != 1],
            patients=integer(flow.patients),
            unit=WORDS["units_unkeyed" if flow.study_clustered_share else "patients"],
            cases=integer(flow.cases),
        )
        for flow in dossier.flows
        if flow.version == dossier.current_version
    )


def _biases(dossier: Dossier) -> str:
    """Groups that stand out: gaps with a verdict of Watch or graver, and worst groups beyond chance."""
    found = [
        CHAI["gap"].format(title=row.title, where=slice_name(row.slice), result=result(row))
        for row in dossier.rows
        if row.contrast == "rest" and row.status in ("act", "watch") and not row.suppressed
        and row.version == dossier.current_version
    ]  # fmt: skip
    found += [
        CHAI["worst"].format(
            title=one.title,
            where=slice_name(one.slice),
            gap=number(one.gap, one.unit, "rest").lstrip("+"),
            chance=number(one.chance_high, one.unit, "rest").lstrip("+"),
        )
        for one in dossier.worst_groups
        if one.beyond_chance and one.version == dossier.current_version
    ]
    return CHAI["biases"].format(gaps="\n".join(found)) if found else CHAI["biases_none"]


def _metrics(dossier: Dossier, flows: str, window: str) -> dict[str, Any]:
    """The three key metrics, each with its results, what the bounds say of them, and how they were made."""
    methods = "; ".join(sorted({row.interval for row in dossier.rows if row.interval})) or CHAI["none"]
    judges = "; ".join(f"{task}: {judge}" for task, judge in dossier.provenance.judges) or CHAI["none"]
    one = corrections.correction(dossier)
    reviewed = CHAI["uncorrected"]
    if one is not None:
        said = corrections.agreement(one, dossier.timezone)
        reviewed = CHAI["corrected"].format(basis=corrections.basis(one), agreement=said)
    common = {
        "TestType": CHAI["test_type_simulated" if dossier.simulated else "test_type"],
        "TestingDataDescription": CHAI["data"].format(window=window, flows=flows or CHAI["no_flow"]),
        "ValidationProcessAndJustification": CHAI["method"].format(
            methods=methods, judges=judges, correction=reviewed
        ),
    }
    goals = {
        "UsefulnessUsabilityEfficacy": "usefulness",
        "FairnessEquity": "fairness",
        "SafetyReliability": "safety",
    }
    found = {}
    for element, family in goals.items():
        results, interpretation = metrics(dossier, family)
        shown = [{"Label": label, "ValueJson": json.dumps(value)} for label, value in results]
        found[element] = {
            "MetricGoal": CHAI[f"goal_{family}"],
            "Results": {"MetricResult": shown},
            "Interpretation": interpretation,
            **common,
        }
    return found


def problems(xml_text: str) -> list[str]:
    """What of a card does not follow the schema's rules, a sentence each; none where it is valid."""
    try:
        root = ET.fromstring(xml_text)  # noqa: S314 - our own card, or one that a person checks by hand
    except (ET.ParseError, UnicodeError):
        return ["The text is not well-formed XML."]
    if root.tag != f"{{{NAMESPACE}}}AppliedModelCard":
        return [f"The outermost element must be AppliedModelCard of {NAMESPACE}."]
    return list(_problems(root, _CARD, "AppliedModelCard"))


def _problems(parent: ET.Element, rules: Sequence[Any], where: str) -> Iterator[str]:
    children, place = list(parent), 0
    if any((text or "").strip() for text in (parent.text, *(one.tail for one in children))):
        yield f"{where} must hold elements and no text."
    for rule in rules:
        name, inside = (rule, ()) if isinstance(rule, str) else rule
        plain, often = name.rstrip("?+*"), name[-1:]
        found = []
        while place < len(children) and children[place].tag == f"{{{NAMESPACE}}}{plain}":
            found.append(children[place])
            place += 1
            if often not in ("+", "*"):
                break
        if not found and often not in ("?", "*"):
            yield f"{where}: {plain} is missing or stands in the wrong place."
        for one in found:
            if inside:
                yield from _problems(one, inside, f"{where}/{plain}")
            elif len(one):
                yield f"{where}/{plain} must hold text and no elements."
            elif plain == "ValueJson":
                yield from _value_problems(one.text or "", f"{where}/{plain}")
    if place < len(children):
        yield f"{where}: {children[place].tag.rpartition('}')[2]} is not expected here."


def _value_problems(text: str, where: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError:
        yield f"{where} must hold JSON."
        return
    if not isinstance(value, dict) or value.get("kind") not in ("estimate_ci", "single"):
        yield f"{where} must be an estimate_ci or a single value."
