"""The verdict of one audit as a few lines of Markdown: the body of a mail, the description of a model version."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from reports import corrections, headline
from reports.dossier import Dossier, Flow
from reports.draft_seen import seen_sentence
from reports.headline import Line
from reports.numbers import days, integer, moment, without_unit
from reports.plain_text import clean
from reports.sections.evidence import limits
from reports.sections.scope import audited
from reports.text import MARKDOWN, TASKS, WORDS, words_of

_QUESTIONS: Final = 12
_LIMITS: Final = 3
_FLOWS: Final = 6

#: Characters that mean something in Markdown wherever they stand, as most readers of it agree.
_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>|~#$@]|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE)

#: Marks that mean something at the start of a line only: of a list, a rule, the underline of a heading.
_OPENING: Final = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[-+](?:\s|$)|--|=))")

#: An interval in brackets, as we write it; not followed by what would make a link or its definition of it. It
#: stays as it is, since many mails are read as plain text.
_INTERVAL: Final = re.compile(r"\\\[([−+\d.,]+(?:–| to )[−+\d.,]+)\\\](?![(\[:\\])")


def summary(dossier: Dossier) -> str:
    """The audit in fewer than sixty lines of Markdown; the same dossier always gives the same text.

    No text of a report is in it. Texts of the dossier are escaped, so that none of them can make a link, a tag or
    another column; suppressed rows show no number.
    """
    table = headline.lines(dossier)
    known = limits(dossier)
    blocks = [
        [f"# {escaped(MARKDOWN['heading'].format(title=dossier.title or dossier.system))}"],
        [f"> **{escaped(WORDS['simulated'])}**"] if dossier.simulated else [],
        [escaped(_facts(dossier))],
        [f"**{MARKDOWN['verdict']}: {escaped(words_of(dossier.status).word)}.** "
         + escaped(headline.answer(dossier, table))],
        [f"## {MARKDOWN['questions']}"],
        list(_table(table)) or [escaped(WORDS["no_verdicts"])],
        _left_out(len(table) - _QUESTIONS, MARKDOWN["more"]),
        [f"## {MARKDOWN['counts']}"],
        [f"- {escaped(said)}" for said in (*_flows(dossier), *_rate(dossier))],
        [f"## {MARKDOWN['limits']}"],
        [f"- {escaped(said)}" for said in known[:_LIMITS]],
        _left_out(len(known) - _LIMITS, MARKDOWN["limits_more"]),
        [escaped(_source(dossier))],
    ]  # fmt: skip
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def escaped(text: str) -> str:
    r"""Text on one line that Markdown shows as it is written.

    >>> escaped("a|b [x](y) `c`")
    'a\\|b \\[x\\](y) \\`c\\`'
    >>> escaped("- not a list"), escaped("1. nor this"), escaped("see https://example.org")
    ('\\- not a list', '1\\. nor this', 'see https\\://example.org')
    >>> escaped("5.2 % [3.9–6.8] of them"), escaped("[1–2](x)")
    ('5.2 % [3.9–6.8] of them', '\\[1–2\\](x)')
    """
    line = _SPECIAL.sub(r"\\\g<0>", " ".join(clean(text).split()))
    return _OPENING.sub(r"\g<1>\\", _INTERVAL.sub(r"[\1]", line))


def _facts(dossier: Dossier) -> str:
    return MARKDOWN["facts"].format(
        version=dossier.current_version or WORDS["absent_text"],
        window=days(dossier.start, dossier.end),
        as_of=moment(dossier.as_of, dossier.timezone),
    )


def _table(table: Sequence[Line]) -> Iterator[str]:
    if not table:
        return
    heads = MARKDOWN["heads"].split("|")
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)
    for line in table[:_QUESTIONS]:
        question = MARKDOWN["question"].format(title=line.title, where=line.where) if line.where else line.title
        cells = [
            escaped(words_of(line.status).word),
            escaped(question),
            escaped("; ".join(filter(None, (line.result, line.wider)))),
            escaped(line.bounds),
        ]
        yield f"| {' | '.join(cells)} |"


def _left_out(count: int, words: str) -> list[str]:
    return [escaped(words.format(count=integer(count)))] if count > 0 else []


def _flows(dossier: Dossier) -> Iterator[str]:
    """How many outputs of the current version could be judged, task by task."""
    current = [flow for flow in dossier.flows if flow.version == dossier.current_version]
    for flow in current[:_FLOWS]:
        yield MARKDOWN["audited"].format(task=TASKS.get(flow.task, flow.task), flow=_audited(flow))
        if flow.task == "report" and (said := seen_sentence(dossier, flow.version)):
            yield said
    if not current:
        yield WORDS["audited_none"].format(version=dossier.current_version or WORDS["absent_text"])


def _audited(flow: Flow) -> str:
    said = audited(flow)
    unit = WORDS["units_unkeyed" if flow.study_clustered_share else "patients"]
    people = WORDS["audited_patients"].format(
        patients=integer(flow.patients), unit=unit, cases=integer(flow.cases)
    )
    return f"{said[0].lower()}{said[1:]} {people}"


def _rate(dossier: Dossier) -> Iterator[str]:
    """Clinically significant errors in a thousand reports and whether radiologists' reviews correct them.

    The same choice as on page one of the report: a correction of this window if there is one.
    """
    row, reviewed = headline.per_thousand(dossier), corrections.correction(dossier)
    if row is None and not any(flow.task == "report" for flow in dossier.flows):
        return
    if reviewed and reviewed.same_window:
        label = WORDS["corrected_label"].format(reviewed=integer(reviewed.reviewed))
        rate = f"{corrections.per_thousand(reviewed.process)} ({label})"
        yield MARKDOWN["rate"].format(title=WORDS["corrected_card"], rate=rate)
        return
    if row is None:
        yield MARKDOWN["rate"].format(title=WORDS["per_thousand"], rate=WORDS["per_thousand_missing"])
        return
    label = WORDS["per_thousand_earlier" if reviewed else "per_thousand_label"]
    yield MARKDOWN["rate"].format(title=WORDS["per_thousand"], rate=f"{without_unit(row)} ({label})")


def _source(dossier: Dossier) -> str:
    one = dossier.provenance
    return MARKDOWN["source"].format(audit=one.audit, head=one.journal_head or WORDS["absent_text"], code=one.code)
