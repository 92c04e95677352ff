"""A Dossier as one HTML page: everything inline, no script, no request, page one able to stand alone."""

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import confidence, corrections, headline, numbers, weekly
from reports.dossier import Dossier
from reports.text import ERROR_CODES, KINDS, SIGNIFICANCE, STATUSES, WORDS, words_of

#: Control characters, lone surrogates and marks that turn the direction of text: none may reach a page.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def render(dossier: Dossier) -> str:
    """The page of one audit; the same dossier always gives the same bytes.

    Suppressed rows show no number, whatever they hold. Every text of the dossier is escaped; characters that
    cannot be printed are shown as U+FFFD.
    """
    shown: Dossier = printable(dossier)
    table = headline.lines(shown)
    flows, other_flows = weekly.flow_lines(shown)
    diagrams, diagrams_left_out = weekly.reliability(shown)
    worst, worst_left_out = weekly.worst_groups(shown)
    worth = confidence.lines(shown)
    return (
        environment()
        .get_template("page.html")
        .render(
            d=shown,
            lines=table,
            answer=headline.answer(shown, table),
            per_thousand=headline.per_thousand(shown),
            correction=corrections.correction(shown),
            corrections=shown.corrections,
            flows=flows,
            other_flows=other_flows,
            tasks=weekly.task_numbers(shown),
            reliability=diagrams,
            reliability_left_out=diagrams_left_out,
            worth=worth,
            worth_left_out=len(shown.confidence) - len(worth),
            risks=confidence.figures(shown),
            trust=confidence.sentences(shown),
            estimates=weekly.estimates(shown),
            subgroups=weekly.subgroups(shown),
            parity=weekly.parity(shown),
            worst_groups=worst,
            worst_left_out=worst_left_out,
            trends=weekly.trends(shown),
            trend_versions=weekly.trend_versions(shown),
            charts=weekly.charts(shown),
            drift=weekly.drift(shown),
            exemplars_lead=weekly.exemplars_lead(shown.exemplar_policy, shown.exemplars),
            intervals=weekly.intervals(shown),
            limits=weekly.limits(shown),
            provenance=weekly.provenance(shown.provenance),
        )
    )


def environment() -> Environment:
    """Templates with automatic escaping, the texts and the ways to write numbers."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        t=WORDS,
        statuses=STATUSES,
        codes=ERROR_CODES,
        kinds=KINDS,
        significance=SIGNIFICANCE,
        n=numbers,
        reviews=corrections,
        p_value=confidence.p_value,
        words_of=words_of,
        title_of=headline.title_of,
        bounds_of=headline.bounds_of,
        marked=weekly.marked,
        noun=weekly.noun,
    )
    return environment


def printable(value: Any) -> Any:
    """The same value with every unprintable character replaced one for one, so that spans still hold."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\ufffd", value)
    if isinstance(value, tuple):
        return tuple(printable(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: printable(getattr(value, field.name)) for field in fields(value)})
    return value
