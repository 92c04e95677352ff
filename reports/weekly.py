"""The weekly audit report of one system, and that of the whole fleet, as documents."""

from dataclasses import replace

from reports.briefing import Briefing
from reports.document import Document, Section, consecutive
from reports.dossier import Dossier
from reports.numbers import days, moment
from reports.sections.alerts import alerts
from reports.sections.calibration import calibration
from reports.sections.drift import drift
from reports.sections.errors import errors
from reports.sections.evidence import evidence
from reports.sections.first import first_page
from reports.sections.people import people, privacy
from reports.sections.performance import performance
from reports.sections.scope import scope
from reports.sections.subgroups import subgroups_section
from reports.text import LANGUAGE, WORDS


def weekly(dossier: Dossier, briefing: Briefing | None = None) -> Document:
    """The report of one audit; with a `briefing` it is the committee's, with decisions, fleet and evidence."""
    title = dossier.title or dossier.system
    return Document(
        language=LANGUAGE,
        title=title,
        kicker=WORDS["kicker_weekly" if briefing else "kicker"],
        about=f"{title} · {WORDS['kicker']} · {days(dossier.start, dossier.end)}",
        dated=(briefing.issued if briefing else dossier.as_of).date(),
        banner=WORDS["simulated"] if dossier.simulated else "",
        footer=footer(briefing, dossier.provenance.audit),
        first=consecutive(first_page(dossier, briefing), 1),
        sections=_sections(
            scope(dossier),
            performance(dossier),
            errors(dossier),
            calibration(dossier),
            subgroups_section(dossier),
            drift(dossier),
            privacy(dossier),
            people(dossier, briefing),
            alerts(briefing),
            evidence(dossier, briefing),
        ),
    )


def _sections(*sections: Section) -> tuple[Section, ...]:
    return tuple(replace(one, blocks=consecutive(one.blocks, 2)) for one in sections)


def footer(briefing: Briefing | None, audit: str) -> str:
    """What stands on every page: which report it is and how it can be told from another."""
    if briefing is None:
        return WORDS["footer_audit"].format(audit=audit)
    return WORDS["footer"].format(
        report=briefing.report, issued=moment(briefing.issued, briefing.timezone), head=briefing.head[:16]
    )
