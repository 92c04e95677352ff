"""Whether radiologists had seen the draft before they wrote the report that it is held against."""

from typing import Final

from reports.dossier import Dossier, Row
from reports.numbers import hidden, integer
from reports.text import WORDS

#: Counts every judged draft once, in the whole and in each group.
_EVERY_DRAFT: Final = "contradicted_reports"
#: Counts the drafts whose reference was written with the draft in view, and no others.
_OF_SEEN: Final = "acceptance"
_GROUP: Final = "draft_seen="


def seen_sentence(dossier: Dossier, version: str) -> str:
    """How many references of judged drafts were written after the draft had been seen, or "" if nothing is known.

    Who has seen the draft agrees with it more, so that error rates look lower than they are.
    """
    drafts = {
        row.slice: row
        for row in dossier.rows
        if row.measure == _EVERY_DRAFT and row.version == version and not row.item and not row.contrast
    }
    whole, groups = drafts.get("all"), {name: row for name, row in drafts.items() if name.startswith(_GROUP)}
    if whole is None or whole.suppressed or not whole.n:
        return ""
    if not groups:
        # groups are made only where references differ, so that one of them speaks for all
        return WORDS["seen_every"] if _any_seen(dossier, version) else ""
    return _said(whole, groups.pop(f"{_GROUP}yes", None), groups.pop(f"{_GROUP}no", None), list(groups.values()))


def _said(whole: Row, yes: Row | None, no: Row | None, others: list[Row]) -> str:
    if yes is not None and yes.suppressed:
        return WORDS["seen_hidden"].format(why=hidden(yes.slice))
    seen, unseen = (row.n if row is not None and not row.suppressed else 0.0 for row in (yes, no))
    unknown = sum(row.n for row in others if not row.suppressed)
    counts = {"all": integer(whole.n), "seen": integer(seen), "unknown": integer(unknown)}
    if seen >= whole.n:
        return WORDS["seen_every"]
    if unknown >= whole.n:
        return WORDS["seen_unknown"]
    if not seen and seen + unseen + unknown < whole.n:  # the rest is hidden
        return ""
    if not seen:
        return WORDS["seen_none_known" if unknown else "seen_none"].format(**counts)
    return WORDS["seen_and_unknown" if unknown else "seen"].format(**counts)


def _any_seen(dossier: Dossier, version: str) -> bool:
    return any(
        row.measure == _OF_SEEN
        and row.version == version
        and row.slice == "all"
        and not row.contrast
        and (row.suppressed or row.n > 0)
        for row in dossier.rows
    )
