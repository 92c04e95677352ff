"""What a reader of one audit must know: the sentences on its limits."""

from collections.abc import Sequence

from auditor.settings import AuditSettings
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Correction, Flow

UNCORRECTED = (
    "Error rates come from an automatic judge and are uncorrected: no radiologist has reviewed a sample yet."
)
REPEATED_LOOKS = (
    "Repeated looks are not corrected: each audit is one plain window, and a weekly series of such windows "
    "raises more false alarms than one of them alone."
)
CHARTED = (
    "Repeated looks are corrected in the weekly charts alone: every other number is one plain window, and a "
    "series of such windows raises more false alarms than one of them alone."
)
REVIEWED_ELSEWHERE = (
    "Error rates come from an automatic judge and are uncorrected: the reviews at hand are of an earlier window "
    "and say only how well the judge did then."
)
CORRECTED = (
    "Only the share of reports with a clinically significant fabrication is corrected by reviews; every other "
    "error rate is the automatic judge's own, uncorrected. Verdicts rest on the automatic rates, except where a "
    "bound names the corrected one."
)
UNSUPPORTED = (
    "Unsupported is not false: the report of reference is silent on these findings, and signed reports leave "
    "things out. Only errors that the reference contradicts may lead to Act."
)
BY_STUDY = (
    "Some cases have no patient key; there the study stands for the patient and intervals are clustered by study."
)
UNDATED = "Outputs without a time are counted in the whole, and appear in no trend."
IN_SAMPLE = (
    "The audited window holds the same outputs as the reference window: nothing is estimated without labels, "
    "and no change of scores explained, since both would be held against what they were learnt from."
)
SUPPRESSED = f"Groups of fewer than {SUPPRESS_BELOW} patients are suppressed, and the next smallest with them."


def limits_of(settings: AuditSettings, flows: Sequence[Flow], corrections: Sequence[Correction]) -> list[str]:
    """The sentences, the gravest first."""
    sentences = [CHARTED if settings.stop_questions else REPEATED_LOOKS, SUPPRESSED]
    if "report" in settings.tasks:
        own = any(one.same_window for one in corrections)
        said = CORRECTED if own else REVIEWED_ELSEWHERE if corrections else UNCORRECTED
        sentences = [said, UNSUPPORTED, *sentences]
    if any(flow.study_clustered_share for flow in flows):
        sentences.append(BY_STUDY)
    if any(flow.undated for flow in flows):
        sentences.append(UNDATED)
    if not settings.reference_window.start and not settings.reference_window.end:
        sentences.append("No reference window is declared: drift and change are not measured.")
    return sentences
