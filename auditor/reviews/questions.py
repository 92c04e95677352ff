"""What reviewers are asked, and which of the judge's counts each question covers."""

from typing import Final

#: The kinds of error that a reviewer may speak of beside the verdict, and the judge's counts that they cover.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "contradicted": ("contradicted",),
    "unsupported": ("unsupported", "unaddressed"),
    "omitted": ("omitted",),
    "laterality": ("laterality",),
}
#: What a review answers: the verdict (a clinically significant fabrication), or an error kind.
QUESTIONS: Final = ("fabrication", *KINDS)
#: The judge's counts that answer each question. Reviewers are asked for a clinically significant finding that is
#: not there; the nearest that the judge answers is one that the reference contradicts.
COUNTS: Final[dict[str, tuple[str, ...]]] = {"fabrication": ("significant_contradicted",), **KINDS}


class ReviewError(ValueError):
    """One clear sentence about a sample that cannot be drawn, written or used."""
