"""The rules of a system's settings, each by a name that stays the same while its bounds change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.settings import AuditSettings, StopQuestion, ThresholdSetting

#: What of a rule says who stands for it and why; a change of it alone changes no verdict.
SAID: Final = ("rationale", "owner", "approver")


@dataclass(frozen=True)
class Rule:
    """One rule fixed in advance. `content` is all that decides its verdicts, and what is said of it."""

    name: str
    tier: str  # stop | watch | explore
    content: Mapping[str, Any]

    @property
    def decisive(self) -> dict[str, Any]:
        return {name: value for name, value in self.content.items() if name not in SAID}


def rules_of(settings: AuditSettings) -> list[Rule]:
    """Every rule of the settings, stop questions first."""
    found: list[Rule] = []
    for question in settings.stop_questions:
        found.append(Rule(_unique(_question_name(question), found), "stop", _question(settings, question)))
    for one in settings.thresholds:
        content = _threshold(settings, one)
        found.append(Rule(_unique(_threshold_name(one), found), one.effective_tier, content))
    return found


def share_of_budget(settings: AuditSettings, question: StopQuestion) -> float:
    """How many false alarms a year a question may give: its weight in the system's budget."""
    total = sum(one.weight for one in settings.stop_questions)
    return settings.alarms_a_year * question.weight / total


def _question(settings: AuditSettings, question: StopQuestion) -> dict[str, Any]:
    window = settings.reference_window
    held = (
        {"tolerable": question.tolerable}
        if question.tolerable
        else {"reference": f"{window.start} to {window.end}"}
    )
    return {
        "rule": "Shiryaev–Roberts chart of sealed weeks",
        **held,
        "alarms_a_year": round(share_of_budget(settings, question), 6),
        "maturity_days": settings.maturity_days,
        "case_mix": settings.case_mix,
        **question.model_dump(mode="json", include={"stop", *SAID}),
    }


def _threshold(settings: AuditSettings, one: ThresholdSetting) -> dict[str, Any]:
    fields = {"watch", "act", "rise", "minimum_n", "stop", *SAID}
    about = one.model_dump(mode="json", include=fields)
    if one.contrast == "reference":
        window = settings.reference_window
        about["reference"] = f"{window.start} to {window.end}"
    margin = one.contrast == "rest"
    rule = "non-inferiority of a gap against a margin" if margin else "three zones of the interval"
    return {"rule": rule, "tier": one.effective_tier, "maturity_days": settings.maturity_days, **about}


def _question_name(question: StopQuestion) -> str:
    return " ".join(filter(None, ("stop question:", question.task, question.measure, question.item)))


def _threshold_name(one: ThresholdSetting) -> str:
    where = {"all": "", "each": "in each slice"}.get(str(one.slices), "")
    if isinstance(one.slices, list):
        where = "in " + ", ".join(one.slices)
    against = {"": "", "rest": "against the rest", "reference": "against the reference window"}[one.contrast]
    return " ".join(filter(None, (one.measure, one.item, where, against)))


def _unique(name: str, others: list[Rule]) -> str:
    """Two rules may be about the same; they are told apart by their order."""
    count = sum(one.name == name or one.name.startswith(f"{name} #") for one in others)
    return f"{name} #{count + 1}" if count else name
