"""What earlier reviews tell of where the next ones teach most."""

from datetime import datetime

from auditor.reviews.correct import readings, samples
from auditor.store.ledger import Ledger
from monitors.review_sample import rates_shown


def rates_so_far(ledger: Ledger, system: str, judge: str, as_of: datetime) -> dict[str, float]:
    """The share of reports with a clinically significant fabrication by judge class, as the next draw is planned.

    From every review of this judge's samples of the system that was taken in by `as_of`, whatever the window and
    version of the system: a plan that is somewhat off costs width, never truth. A report of several samples counts
    once, by the share of its readers who found the error.
    """
    said: dict[str, dict[str, list[int]]] = {}
    for sample in samples(ledger, system):
        if sample.judge != judge:
            continue
        for one in readings(ledger, sample, as_of):
            if (answer := one.answers["fabrication"]) is not None:
                said.setdefault(one.stratum, {}).setdefault(one.output_id, []).append(answer)
    return rates_shown(
        {
            name: (sum(sum(answers) / len(answers) for answers in reports.values()), len(reports))
            for name, reports in said.items()
        }
    )
