"""The simulated hospital's language: chest radiograph reports made of sentence patterns.

The patterns are this project's own. Radiologist and system draw from the same patterns independently, so a
draft without errors says what the report says in other words and in another order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class Seen:
    """One positive finding: its name here, side ("" where it has none), step of severity, and size in mm."""

    finding: str
    side: str = ""
    severity: int = 0
    size: int = 0


class Dice:
    """Random choices for one text, from a generator of its own."""

    def __init__(self, entropy: Sequence[int]) -> None:
        self._rng = np.random.default_rng(entropy)

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self._rng.random() * len(options))]

    def chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)


_GRADES: Final = {
    "effusion": ("small", "moderate", "large"),
    "pneumothorax": ("small", "moderate", "large"),
    "cardiomegaly": ("mild", "moderate", "severe"),
    "edema": ("mild", "moderate", "severe"),
}

#: Findings inside the lungs: while one is present nobody writes that the lungs are clear.
LUNG: Final = frozenset({"consolidation", "atelectasis", "edema", "nodule"})

_ONE_SIDED: Final[dict[str, tuple[str, ...]]] = {
    "effusion": (
        "There is a {grade} {side} pleural effusion.",
        "{Grade} {side} pleural effusion is present.",
        "A {grade} {side}-sided pleural effusion is seen.",
        "{Grade} pleural effusion on the {side}.",
    ),
    "pneumothorax": (
        "There is a {grade} {side} pneumothorax.",
        "{Grade} {side} apical pneumothorax is present.",
        "A {grade} {side}-sided pneumothorax is seen.",
    ),
    "consolidation": (
        "There is focal consolidation in the {side} lower lobe.",
        "{Side} lower lobe consolidation is present.",
        "Airspace consolidation is seen in the {side} lower lobe.",
    ),
    "atelectasis": (
        "There is {side} basilar atelectasis.",
        "Linear atelectasis is noted at the {side} lung base.",
        "Subsegmental atelectasis at the {side} base.",
    ),
    "nodule": (
        "There is a {size} mm nodule in the {side} upper lobe.",
        "A {size} mm pulmonary nodule is seen in the {side} upper lobe.",
        "{Side} upper lobe nodule measuring {size} mm.",
    ),
    "fracture": (
        "There is an acute {side} rib fracture.",
        "Acute fracture of a {side} lateral rib is noted.",
        "A {side} rib fracture is present.",
    ),
}

_OTHERWISE: Final[dict[str, tuple[str, ...]]] = {
    "effusion": (
        "There are {grade} bilateral pleural effusions.",
        "{Grade} bilateral pleural effusions are present.",
        "Bilateral pleural effusions are seen, {grade} in size.",
    ),
    "atelectasis": (
        "There is bibasilar atelectasis.",
        "Bibasilar atelectasis is noted.",
        "Linear atelectasis at both lung bases.",
    ),
    "cardiomegaly": (
        "The heart is {grade}ly enlarged.",
        "There is {grade} cardiomegaly.",
        "{Grade} enlargement of the cardiac silhouette.",
        "{Grade} cardiomegaly is present.",
    ),
    "edema": (
        "There is {grade} pulmonary edema.",
        "{Grade} interstitial pulmonary edema is present.",
        "Findings of {grade} pulmonary edema are seen.",
    ),
    "picc": (
        "A right PICC terminates in the superior vena cava.",
        "Right-sided PICC is in place with its tip in the superior vena cava.",
    ),
    "endotracheal tube": (
        "An endotracheal tube terminates 4 cm above the carina.",
        "Endotracheal tube tip is 4 cm above the carina.",
    ),
    "enteric tube": (
        "An enteric tube courses below the diaphragm.",
        "Enteric tube is in place, its tip below the diaphragm.",
    ),
    "pacemaker": (
        "A left-sided dual-lead pacemaker is in place.",
        "Left chest wall pacemaker is noted.",
    ),
    "spine degeneration": (
        "Mild degenerative changes of the thoracic spine.",
        "There are degenerative changes in the thoracic spine.",
    ),
    "hiatal hernia": ("There is a small hiatal hernia.", "A hiatal hernia is noted."),
    "scoliosis": (
        "There is mild scoliosis of the thoracic spine.",
        "Scoliosis of the thoracic spine is noted.",
    ),
}

_SHORT: Final[dict[str, tuple[str, ...]]] = {
    "effusion": ("{Grade} {side} pleural effusion.",),
    "pneumothorax": ("{Grade} {side} pneumothorax.",),
    "consolidation": ("{Side} lower lobe consolidation.", "Consolidation in the {side} lower lobe."),
    "atelectasis": ("{Side} basilar atelectasis.",),
    "nodule": ("{Side} upper lobe nodule.", "Nodule in the {side} upper lobe."),
    "fracture": ("Acute {side} rib fracture.",),
    "cardiomegaly": ("{Grade} cardiomegaly.", "{Grade}ly enlarged heart."),
    "edema": ("{Grade} pulmonary edema.",),
}

_NAMED: Final = {
    "effusion": ("pleural effusion",),
    "pneumothorax": ("pneumothorax",),
    "consolidation": ("focal consolidation", "consolidation"),
    "edema": ("pulmonary edema",),
}
_DENIALS: Final = (
    "No {names}.",
    "There is no {names}.",
    "No evidence of {names}.",
    "There is no evidence of {names}.",
    "No {names} is seen.",
    "No {names} is identified.",
)
_NORMAL_HEART: Final = (
    "The heart is normal in size.",
    "Heart size is normal.",
    "Heart size is within normal limits.",
    "The cardiac silhouette is not enlarged.",
    "Normal heart size.",
)
_NO_FRACTURE: Final = (
    "No acute rib fracture.",
    "There is no acute rib fracture.",
    "No displaced rib fracture is seen.",
)
_CLEAR_LUNGS: Final = ("The lungs are clear.", "Lungs are clear bilaterally.", "Both lungs are clear.")
_NOTHING_ACUTE: Final = (
    "No acute cardiopulmonary abnormality.",
    "No acute cardiopulmonary process.",
    "No acute findings in the chest.",
)

INDICATIONS: Final = {
    "ward": ("Fever and cough.", "Preoperative assessment.", "Follow-up of heart failure.", "Dyspnea."),
    "ICU": ("Intubated, daily check.", "Line placement.", "Worsening oxygenation."),
    "ED": ("Chest pain.", "Shortness of breath.", "Fall, pain on breathing.", "Cough for one week."),
}


def _filled(pattern: str, seen: Seen) -> str:
    grades = _GRADES.get(seen.finding)
    grade = grades[seen.severity] if grades else ""
    return pattern.format(
        grade=grade, Grade=grade.capitalize(), side=seen.side, Side=seen.side.capitalize(), size=seen.size
    )


def assertion(seen: Seen, dice: Dice) -> str:
    """A sentence of the findings section that says the finding is there."""
    patterns = _ONE_SIDED.get(seen.finding) if seen.side in ("left", "right") else None
    return _filled(dice.pick(patterns or _OTHERWISE[seen.finding]), seen)


def _conclusion(seen: Seen, dice: Dice) -> str:
    """The same for the impression, without sizes."""
    if seen.side == "both":
        return "Bibasilar atelectasis." if seen.finding == "atelectasis" else assertion(seen, dice)
    return _filled(dice.pick(_SHORT[seen.finding]), seen)


def _listed(names: Sequence[str]) -> str:
    """One, two or three names joined as English joins them after "no".

    >>> _listed(["pneumothorax", "pleural effusion", "consolidation"])
    'pneumothorax, pleural effusion or consolidation'
    """
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def denials(absent: Iterable[str], dice: Dice) -> list[str]:
    """Sentences that say these findings are not there, in one list or sentence by sentence."""
    absent = sorted(absent)
    sentences = []
    if "cardiomegaly" in absent:
        sentences.append(dice.pick(_NORMAL_HEART))
    if "fracture" in absent:
        sentences.append(dice.pick(_NO_FRACTURE))
    names = [dice.pick(_NAMED[finding]) for finding in absent if finding in _NAMED]
    together = dice.pick(("all", "two", "each"))
    size = {"all": 3, "two": 2, "each": 1}[together]
    groups = (names[at : at + size] for at in range(0, len(names), size))
    return sentences + [dice.pick(_DENIALS).format(names=_listed(group)) for group in groups]


def compose(present: Sequence[Seen], absent: Iterable[str], dice: Dice) -> str:
    """A report: findings with what is there and what is not, and an impression of what is there.

    >>> text = compose([Seen("effusion", "left", 1)], ["pneumothorax"], Dice([7]))
    >>> "moderate left pleural effusion" in text.lower(), text.count("neumothorax")
    (True, 1)
    """
    said = [assertion(seen, dice) for seen in present]
    normal = denials(absent, dice)
    if not any(seen.finding in LUNG for seen in present) and dice.chance(0.5):
        normal.insert(0, dice.pick(_CLEAR_LUNGS))
    body = " ".join(normal + said if dice.chance(0.3) else said + normal)
    concluded = [_conclusion(seen, dice) for seen in present if seen.finding in _SHORT]
    if len(concluded) > 1:
        concluded = [f"{number}. {sentence}" for number, sentence in enumerate(concluded, start=1)]
    impression = " ".join(concluded) or dice.pick(_NOTHING_ACUTE)
    return f"FINDINGS: {body}\nIMPRESSION: {impression}"
