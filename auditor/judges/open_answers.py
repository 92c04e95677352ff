"""Whether an open answer says what the truth says: by claims where both make them, else by words."""

from collections.abc import Callable
from typing import Final

from auditor.claims.compare import compare
from auditor.claims.error import Context
from auditor.claims.lexicon import Lexicon
from auditor.claims.report import Report
from auditor.judges.answers import content, words

#: Words that mean the same in short answers about images, brought to one.
_SAME: Final = {
    "axial": "transverse",
    "posteroanterior": "pa",
    "anteroposterior": "ap",
    "magnetic": "mri",
    "resonance": "mri",
    "mr": "mri",
    "tomography": "ct",
    "computed": "ct",
    "xray": "radiograph",
    "x-ray": "radiograph",
    "cxr": "radiograph",
    "lungs": "lung",
    "fat": "adipose",
    "first": "1st",
    "second": "2nd",
    "third": "3rd",
    "fourth": "4th",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "rt": "right",
    "lt": "left",
    "bilaterally": "bilateral",
    "both": "bilateral",
}
_PAIRS: Final = (("posterior anterior", "pa"), ("anterior posterior", "ap"), ("x ray", "radiograph"))
_OPPOSITES: Final = (
    frozenset(("left", "right", "bilateral")),
    frozenset(("upper", "lower", "middle")),
    frozenset(("transverse", "coronal", "sagittal")),
    frozenset(("anterior", "posterior")),
    frozenset(("normal", "abnormal")),
)


def _brought(text: str) -> set[str]:
    joined = " ".join(words(text))
    for long, short in _PAIRS:
        joined = joined.replace(long, short)
    return {_SAME.get(w, w) for w in content(joined)}


def agrees(answer: str, reference: str, lexicon: Lexicon, alike: Callable[[str, str], bool] | None = None) -> bool:
    """Whether an answer gives the reference's content and nothing that excludes it.

    The answer must hold every content word of the reference, and of sides, thirds, planes and the like no
    other one than the reference. Where words differ, findings are compared as claims. Where the reference makes no
    claim either, `alike` decides, if given, unless one of them denies: vectors tell a side or a "no" badly.
    """
    if words(answer) == words(reference):
        return True
    said, wanted = _brought(answer), _brought(reference)
    for group in _OPPOSITES:
        if wanted & group and (said & group) - wanted:
            return False
    if wanted and wanted <= said:
        return not _denies(answer, reference)
    truth, given = Report.read(reference, lexicon), Report.read(answer, lexicon)
    found = compare(given, truth, lexicon, Context(has_prior=True))
    if not found.references and alike is not None and not given.claims:
        return not _denies(answer, reference) and alike(answer, reference)
    if not found.references or len(found.pairs) < len(found.references):
        return False
    return not [e for e in found.errors if e.code not in ("REP", "FAB", "CER", "OVR")]


def _denies(answer: str, reference: str) -> bool:
    negative = {"no", "not", "without", "absent"}
    return bool(negative & set(words(answer))) != bool(negative & set(words(reference)))
