"""Negative controls for the report judge, made from real reports by program.

ReXErr's twelve kinds of error, and changes that harm nothing. Each control is a reference, a draft with one
change, and the codes of which one must appear; for a harmless change no error may appear that judging the
reference against itself does not show.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.claims import Claim, default_lexicon, extract

HARMFUL = {
    "negation flip": {"FAB", "OMI"},
    "side flip": {"LAT"},
    "severity flip": {"SEV"},
    "location change": {"LOC"},
    "size change": {"NUM"},
    "added device": {"FAB"},
    "device name": {"DEV"},
    "device position": {"DEV"},
    "added finding": {"FAB"},
    "dropped finding": {"OMI"},
    "contradiction": {"CON"},
    "repetition": {"REP"},
}
HARMLESS = ("identity", "typo", "homophone", "rewording", "reordering")

_SENTENCE = re.compile(r"[^.]+\.(?=\s|$)")
_SIDES = {"left": "right", "right": "left", "left-sided": "right-sided", "right-sided": "left-sided"}
_SEVERITIES = {
    "mild": "severe",
    "mildly": "severely",
    "minimal": "extensive",
    "small": "large",
    "tiny": "large",
    "large": "tiny",
    "severe": "mild",
    "markedly": "minimally",
    "moderate": "minimal",
}
_SITES = {"upper lobe": "lower lobe", "lower lobe": "upper lobe", "apex": "base", "base": "apex"}
_DEVICES = (
    "A right PICC is in place with its tip in the superior vena cava.",
    "An endotracheal tube is present.",
    "A left chest wall pacemaker is seen.",
    "There is a nasogastric tube.",
    "A right chest tube is noted.",
)
_NAMES = (
    ("picc", "port"),
    ("port", "picc"),
    ("pacemaker", "defibrillator"),
    ("nasogastric tube", "tracheostomy tube"),
)
_TIPS = ("superior vena cava", "right ventricle")
_HOMOPHONES = {"pleural": "plural", "hilar": "hyler", "lingula": "lingual", "heart": "hart"}
_REWORDED = (
    ("There is no ", "No evidence of "),
    ("No evidence of ", "There is no "),
    ("within normal limits", "unremarkable"),
    ("cardiomegaly", "enlargement of the cardiac silhouette"),
    ("pneumothorax", "PTX"),
    ("pleural effusion", "pleural fluid"),
    ("atelectasis", "atelectatic change"),
    ("edema", "oedema"),
    ("osseous", "bony"),
    (" is seen", " is identified"),
    (" noted", " seen"),
    ("enlarged", "prominent"),
    ("scoliosis", "scoliotic curvature"),
    ("emphysema", "emphysematous change"),
)


@dataclass(frozen=True)
class Control:
    """A reference, a draft with one change, and where to look for what it must be called."""

    kind: str
    reference: str
    draft: str
    finding: str | None = None


def sentences(text: str) -> list[str]:
    """The sentences of a plain report."""
    return [s.strip() for s in _SENTENCE.findall(text) if len(s.strip()) > 3]


def plain(claims: Iterable[Claim]) -> list[Claim]:
    """Claims about this image that say something is there, without hedging."""
    wanted = ("finding", "device")
    return [
        c
        for c in claims
        if c.status == "present" and c.certainty == "definite" and not c.context and c.kind in wanted
    ]


def _swap(text: str, words: dict[str, str]) -> str:
    pattern = re.compile(r"\b(" + "|".join(sorted(words, key=len, reverse=True)) + r")\b", re.IGNORECASE)

    def other(match: re.Match[str]) -> str:
        new = words[match[0].lower()]
        return new.capitalize() if match[0][0].isupper() else new

    return pattern.sub(other, text)


class Maker:
    """Makes controls of every kind from one report at a time."""

    def __init__(self, pool: Sequence[str], seed: int) -> None:
        self.random = random.Random(seed)  # reproducible, not secret
        self.lexicon = default_lexicon()
        self.pool = pool

    def claims(self, text: str) -> list[Claim]:
        return extract(text, self.lexicon)

    def of(self, kind: str, report: str) -> Control | None:
        """A control of a kind from a report, or None where the report does not lend itself to it."""
        report = report if report.endswith(".") else report + "."
        make: Callable[[str, list[str]], Control | None] = getattr(self, "_" + kind.replace(" ", "_"))
        return make(report, sentences(report))

    def _alone(self, claim: Claim, whole: list[str]) -> bool:
        """Whether nothing else in the report speaks of the same thing."""
        return sum(name in self.lexicon.kin[claim.finding] for name in whole) == 1

    def _one_sentence(
        self,
        report: str,
        parts: list[str],
        kind: str,
        change: Callable[[str], str],
        fits: Callable[[list[Claim]], bool],
    ) -> Control | None:
        whole = [c.finding for c in self.claims(report)]
        for part in parts:
            claims = plain(self.claims(part))
            if len(claims) == 1 and fits(claims) and self._alone(claims[0], whole):
                changed = change(part)
                if changed != part:
                    return Control(kind, report, report.replace(part, changed, 1), claims[0].finding)
        return None

    def _side_flip(self, report: str, parts: list[str]) -> Control | None:
        def fits(claims: list[Claim]) -> bool:
            finding = self.lexicon.findings[claims[0].finding]
            return claims[0].side in ("left", "right") and not finding.unsided and finding.kind == "finding"

        return self._one_sentence(report, parts, "side flip", lambda s: _swap(s, _SIDES), fits)

    def _severity_flip(self, report: str, parts: list[str]) -> Control | None:
        return self._one_sentence(
            report, parts, "severity flip", lambda s: _swap(s, _SEVERITIES), lambda c: c[0].severity is not None
        )

    def _location_change(self, report: str, parts: list[str]) -> Control | None:
        def fits(claims: list[Claim]) -> bool:
            return (
                set(claims[0].sites) <= {"upper_lobe", "lower_lobe", "apex", "base"} and len(claims[0].sites) == 1
            )

        return self._one_sentence(report, parts, "location change", lambda s: _swap(s, _SITES), fits)

    def _size_change(self, report: str, parts: list[str]) -> Control | None:
        def change(text: str) -> str:
            return re.sub(
                r"\d+(?:\.\d+)?(?=\s*(?:x\s*\d+(?:\.\d+)?\s*)?-?(?:cm|mm)\b)",
                lambda m: f"{float(m[0]) * 2.5:g}",
                text,
            )

        found = self._one_sentence(report, parts, "size change", change, lambda c: bool(c[0].sizes_mm))
        if found is None and not any(c.sizes_mm or "nodule" in c.finding for c in self.claims(report)):
            measured = f"{report} A {self.random.randrange(6, 20)} mm nodule is present in the right upper lobe."
            found = Control("size change", measured, change(measured), "lung_nodule")
        return found

    def _negation_flip(self, report: str, parts: list[str]) -> Control | None:
        whole = self.claims(report)
        for part in parts:
            claims = self.claims(part)
            match = re.fullmatch(r"(?:There is no|No) (?:evidence of )?(?:a )?([a-z ]+)\.", part)
            denied = len(claims) == 1 and claims[0].status == "absent"
            if match and denied and self._alone(claims[0], [c.finding for c in whole]):
                draft = report.replace(part, f"There is {match[1]}.", 1)
                return Control("negation flip", report, draft, claims[0].finding)
        return None

    def _added_device(self, report: str, parts: list[str]) -> Control | None:
        if any(c.kind == "device" for c in self.claims(report)):
            return None
        return Control("added device", report, f"{report} {self.random.choice(_DEVICES)}")

    def _device_name(self, report: str, parts: list[str]) -> Control | None:
        if any(c.kind == "device" for c in self.claims(report)):
            return None
        old, new = self.random.choice(_NAMES)
        return Control("device name", f"{report} A {old} is in place.", f"{report} A {new} is in place.")

    def _device_position(self, report: str, parts: list[str]) -> Control | None:
        if any(c.kind == "device" for c in self.claims(report)):
            return None
        old, new = self.random.sample(_TIPS, 2)
        text = report + " A left PICC is present with its tip in the {}."
        return Control("device position", text.format(old), text.format(new))

    def _added_finding(self, report: str, parts: list[str]) -> Control | None:
        kin = {
            k for c in self.claims(report) if c.finding in self.lexicon.kin for k in self.lexicon.kin[c.finding]
        }
        for part in self.random.sample(self.pool, 20):
            claims = plain(self.claims(part))
            if len(claims) == len(self.claims(part)) == 1 and claims[0].finding not in kin:
                return Control("added finding", report, f"{report} {part}", claims[0].finding)
        return None

    def _dropped_finding(self, report: str, parts: list[str]) -> Control | None:
        for part in parts:
            claims = plain(self.claims(part))
            rest = " ".join(p for p in parts if p != part)
            kin = self.lexicon.kin[claims[0].finding] if len(claims) == 1 else ()
            if kin and not any(c.finding in kin for c in self.claims(rest)) and rest:
                return Control("dropped finding", report, rest, claims[0].finding)
        return None

    def _contradiction(self, report: str, parts: list[str]) -> Control | None:
        for part in parts:
            claims = plain(self.claims(part))
            if len(claims) == 1 and claims[0].trajectory is None and " + " not in claims[0].rule:
                start, end = claims[0].span
                return Control("contradiction", report, f"{report} There is no {part[start:end].lower()}.")
        return None

    def _repetition(self, report: str, parts: list[str]) -> Control | None:
        long = [p for p in parts if len(p.split()) >= 5 and self.claims(p) and report.count(p) == 1]
        return Control("repetition", report, f"{report} {self.random.choice(long)}") if long else None

    def _identity(self, report: str, parts: list[str]) -> Control | None:
        return Control("identity", report, report)

    def _typo(self, report: str, parts: list[str]) -> Control | None:
        words = [m for m in re.finditer(r"[a-z]{7,}", report)]
        if not words:
            return None
        word = self.random.choice(words)
        at = word.start() + self.random.randrange(1, len(word[0]) - 2)
        if report[at] == report[at + 1]:
            return None
        return Control("typo", report, report[:at] + report[at + 1] + report[at] + report[at + 2 :])

    def _homophone(self, report: str, parts: list[str]) -> Control | None:
        changed = _swap(report, _HOMOPHONES)
        return Control("homophone", report, changed) if changed != report else None

    def _rewording(self, report: str, parts: list[str]) -> Control | None:
        changes = [(a, b) for a, b in _REWORDED if a in report]
        if not changes:
            return None
        old, new = self.random.choice(changes)
        return Control("rewording", report, report.replace(old, new, 1))

    def _reordering(self, report: str, parts: list[str]) -> Control | None:
        if len(parts) < 3:
            return None
        return Control("reordering", " ".join(parts), " ".join(self.random.sample(parts, len(parts))))


def controls(reports: Sequence[str], seed: int = 0, per_kind: int = 200) -> Iterator[Control]:
    """Up to `per_kind` controls of every kind, from reports dealt in a seeded order."""
    pool = [s for report in reports for s in sentences(report)]
    maker = Maker(pool, seed)
    for kind in (*HARMFUL, *HARMLESS):
        made = 0
        for report in maker.random.sample(list(reports), len(reports)):
            control = maker.of(kind, report)
            if control is not None:
                yield control
                made += 1
                if made == per_kind:
                    break
