"""Section 5: errors in generated text: rates, what reviewers say of the judge, sentences said again, examples."""

from collections.abc import Iterator

from reports import corrections, frozen_pairs
from reports.document import (
    Block,
    Bullets,
    Cell,
    Example,
    Examples,
    Facts,
    Heading,
    Run,
    Section,
    Table,
    cell,
    paragraph,
)
from reports.dossier import Dossier, Exemplar, Templates
from reports.numbers import integer, number, slice_name
from reports.sections.error_kinds import error_kinds
from reports.sections.performance import task_blocks
from reports.sections.tables import heads
from reports.text import ERROR_CODES, KINDS, SIGNIFICANCE, WORDS

_MONITORS = frozenset(
    {"hallucination", "agreement_repeats", "agreement_judges", "agreement_frozen", "agreement_moved"}
)


def errors(dossier: Dossier) -> Section:
    """Error rates, corrections, templates and the worst examples."""
    blocks: list[Block] = list(task_blocks(dossier, _MONITORS))
    if not blocks:
        blocks = [paragraph(WORDS["no_errors"])]
    else:
        blocks.insert(0, paragraph(WORDS["errors_lead"]))
    blocks += _frozen(dossier)
    blocks += error_kinds(dossier)
    blocks += _corrected(dossier)
    for group in dossier.templates:
        blocks += _templates(group)
    blocks += [Heading(WORDS["exemplars"]), paragraph(_lead(dossier.exemplar_policy, bool(dossier.exemplars)))]
    if dossier.exemplars:
        policy = dossier.exemplar_policy
        blocks.append(Examples(tuple(_example(one, policy) for one in dossier.exemplars)))
    return Section("errors", WORDS["errors"], tuple(blocks), 5)


def _frozen(dossier: Dossier) -> Iterator[Block]:
    if dossier.frozen:
        yield Heading(WORDS["frozen"])
    for one in dossier.frozen:
        yield paragraph(" ".join(frozen_pairs.lines(one)))


def _corrected(dossier: Dossier) -> Iterator[Block]:
    if not dossier.corrections:
        return
    yield Heading(WORDS["corrected"])
    yield paragraph(WORDS["corrected_lead"])
    for one in dossier.corrections:
        if not one.same_window:
            yield paragraph(WORDS["corrected_elsewhere"])
        yield paragraph(" ".join([corrections.basis(one), *corrections.questions(one)]))
        yield Table(
            heads=(WORDS["measure"], WORDS["value"]),
            rows=tuple((cell(title, style="strong"), cell(value)) for title, value in corrections.lines(one)),
            numeric=(1,),
            widths=(3, 2),
        )
        if one.notes:
            yield Bullets(tuple(cell(note) for note in one.notes))


def _templates(group: Templates) -> Iterator[Block]:
    yield Heading(WORDS["templates"])
    warning = WORDS["templates_collapsed"] if group.collapsed else ""
    lead = WORDS["templates_lead"].format(drafts=integer(group.drafts), version=group.version)
    same = WORDS["templates_same"].format(share=number(group.same_draft, "share"), warning=warning)
    yield paragraph(f"{lead} {same}")
    if group.sentences:
        yield Table(
            heads=heads("templates_heads"),
            rows=tuple(
                (
                    cell(one.words or WORDS["templates_withheld"], style="strong"),
                    cell(number(one.share, "share")),
                    cell(number(one.reference_share, "share")),
                    cell(WORDS["templates_beyond"] if one.beyond else ""),
                )
                for one in group.sentences
            ),
            numeric=(1, 2),
            widths=(3, 1.2, 1.6, 1.6),
        )


def _lead(policy: str, shown: bool) -> str:
    if not shown:
        return WORDS["no_exemplars"]
    if policy == "none":
        return WORDS["exemplars_withheld"]
    lead = WORDS["exemplars_lead"]
    return f"{lead} {WORDS['exemplars_span']}" if policy == "span" else lead


def _example(one: Exemplar, policy: str) -> Example:
    title = ERROR_CODES.get(one.code, one.code)
    if one.finding:
        title += f": {one.finding.replace('_', ' ')}"
    about = [one.code, KINDS.get(one.kind, one.kind), SIGNIFICANCE.get(one.significance, one.significance)]
    if one.slice:
        about.append(slice_name(one.slice))
    pairs: list[tuple[str, Cell]] = []
    if policy != "none":
        pairs += [
            (WORDS["draft"], _quoted(one.draft, one.draft_span)),
            (WORDS["reference"], _quoted(one.reference, one.reference_span)),
        ]
    pairs.append((WORDS["case"], cell(one.case)))
    return Example(title, " · ".join(filter(None, about)), Facts(tuple(pairs)))


def _quoted(text: str, span: tuple[int, int] | None) -> Cell:
    if not text:
        return cell(WORDS["absent_text"])
    before, within, after = marked(text, span)
    parts = (Run(before), Run(within, "mark"), Run(after))
    return tuple(run for run in parts if run.text)


def marked(text: str, span: tuple[int, int] | None) -> tuple[str, str, str]:
    """Text before, within and after a span; a span that does not lie in the text marks nothing.

    >>> marked("Right effusion.", (0, 5))
    ('', 'Right', ' effusion.')
    >>> marked("Right effusion.", (9, 99))
    ('Right effusion.', '', '')
    """
    if span is None or not 0 <= span[0] < span[1] <= len(text):
        return text, "", ""
    return text[: span[0]], text[span[0] : span[1]], text[span[1] :]
