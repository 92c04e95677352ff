"""A report's whole content, the briefing and its dossiers, as JSON and back: what a signature is about."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from reports.briefing import Briefing
from reports.dossier import Dossier
from reports.export_json import DossierError, as_text, dossier_from, plain, read_as

#: Raised with every change of the fields that an older reader would not understand.
SCHEMA: Final = "lvlm-auditor/report/1"

_FIELDS: Final = {"schema", "briefing", "dossiers"}
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Content:
    """All that a report says."""

    briefing: Briefing
    dossiers: tuple[Dossier, ...]


def dumps(briefing: Briefing, dossiers: Sequence[Dossier]) -> str:
    """The report as JSON text: the same content gives the same bytes."""
    return as_text({"schema": SCHEMA, "briefing": asdict(briefing), "dossiers": [plain(one) for one in dossiers]})


def loads(text: str) -> tuple[Briefing, tuple[Dossier, ...]]:
    """What `dumps` wrote. Raises DossierError for anything else."""
    content = _content(text)
    briefing: Briefing = read_as(content["briefing"], Briefing, "briefing")
    return briefing, tuple(dossier_from(one) for one in content["dossiers"])


def _content(text: str) -> Any:
    try:
        content: Any = json.loads(text)
    except ValueError:
        raise DossierError("This is not JSON; give the file that the report wrote.") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or set(content) != _FIELDS:
        raise DossierError(f"This is not a report of schema {SCHEMA}; write it again with this version.")
    if not isinstance(content["dossiers"], list):
        raise DossierError("dossiers must be a list.")
    return content


def substance(briefing: Briefing, dossiers: Sequence[Dossier]) -> str:
    """What a report says, without its own name, time and place in the journal: equal where nothing is new.

    An audit never changes, so its name stands for all of its numbers.
    """
    # issuing and signing are evidence themselves: they must not make the report another
    fleet = tuple(replace(one, gaps=None, signed=None) for one in briefing.fleet)
    bare = replace(briefing, report="", previous="", changes=(), issued=_NEVER, entry=0, head="", fleet=fleet)
    bare = replace(bare, signed=(), controls=(), evidence=())
    audits = [one.provenance.audit for one in dossiers]
    return as_text({"schema": SCHEMA, "briefing": asdict(bare), "audits": audits})


def briefing_from(text: str) -> tuple[Briefing, tuple[tuple[str, str], ...]]:
    """The briefing of a written report, and (system, audit) of each of its dossiers. Raises DossierError."""
    content = _content(text)
    briefing: Briefing = read_as(content["briefing"], Briefing, "briefing")
    return briefing, tuple((one["system"], one["provenance"]["audit"]) for one in content["dossiers"])
