"""Templates: sentences that stand in most drafts of a system, beside how often radiologists write them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from auditor.audit.linking import Linked
from auditor.audit.tallying import rows_within
from auditor.claims import default_lexicon
from auditor.judges.collapse import MOST, collapse, shares
from monitors.measurement import Window
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Template, Templates

_SHOWN: Final = 10


def templates_of(linked: Linked, window: Window, version: str, policy: str) -> Templates | None:
    """The templates of one version in one window; None for fewer than eleven drafts.

    The words are given unless `policy` (`exemplars` in audit.yaml) is ``none``. A template of the drafts that the
    radiologists write as often is how this hospital writes; one that they write less than half as often is
    `beyond` them, and so is one whole draft in most of the outputs.
    """
    outputs = linked.outputs
    chosen = pc.and_(rows_within(outputs["day"], window), pc.equal(outputs["version"], version))
    rows = np.flatnonzero(np.asarray(pc.and_(chosen, pc.is_valid(outputs["text"]))))
    lexicon = default_lexicon()
    found = collapse(outputs["text"].take(rows).to_pylist(), lexicon)
    if found.drafts < SUPPRESS_BELOW or found.same_draft is None:
        return None
    signed = [text for text in linked.references["text"].take(rows).to_pylist() if text]
    theirs = shares(signed, found.templates, lexicon) if len(signed) >= SUPPRESS_BELOW else {}
    sentences = tuple(
        Template(
            words="" if policy == "none" else words,
            share=share,
            reference_share=theirs.get(words),
            beyond=words in theirs and theirs[words] < share / 2,
        )
        for words, share in list(found.templates.items())[:_SHOWN]
    )
    return Templates(version, found.drafts, found.same_draft, found.same_draft > MOST, sentences)


def recorded_templates(one: Mapping[str, Any]) -> Templates:
    """Templates from what the audit wrote into its details."""
    return Templates(**{**one, "sentences": tuple(Template(**sentence) for sentence in one["sentences"])})
