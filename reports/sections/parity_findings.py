"""Section 7, continued: the largest differences between groups, one finding after the other."""

from collections.abc import Iterator

from reports.document import Block, Folded, Table, cell, paragraph
from reports.dossier import Dossier
from reports.numbers import item_name, number
from reports.sections.tables import heads
from reports.text import WORDS


def parity_by_finding(dossier: Dossier) -> Iterator[Block]:
    """Folded: the findings of the current version whose groups all have labels enough; nothing without any."""
    lines = [one for one in dossier.parity if one.version == dossier.current_version and one.item]
    if not lines:
        return
    table = Table(
        heads=heads("parity_findings_heads"),
        rows=tuple(
            (
                cell(item_name(one.item), style="strong"),
                cell(one.attribute.replace("_", " ")),
                cell(str(one.groups)),
                cell(number(one.demographic_parity_difference, "share", "rest").lstrip("+")),
                cell(number(one.equalized_odds_difference, "share", "rest").lstrip("+")),
            )
            for one in sorted(lines, key=lambda one: (one.item, one.attribute))
        ),
        numeric=(2, 3, 4),
        widths=(2, 1.4, 0.8, 1.4, 2.2),
    )
    yield Folded(WORDS["parity_findings"], (paragraph(WORDS["parity_findings_lead"]), table))
