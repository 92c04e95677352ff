"""How much of a draft was changed before it was signed."""

import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz.distance import Levenshtein

from auditor.audit.linking import Linked


def edited_share(linked: Linked) -> pa.Array:
    """Word edits over the longer of draft and final text, in [0, 1]; aligned with outputs.

    Null unless the reference was written with the draft in view: only then is the signed text the final form of
    the draft. Case and white space do not count.
    """
    made = pc.and_(pa.array(linked.has_reference), pc.equal(linked.references["draft_seen"], "yes"))
    known = pc.and_(made, pc.and_(pc.is_valid(linked.outputs["text"]), pc.is_valid(linked.references["text"])))
    rows = zip(
        pc.fill_null(known, False).to_pylist(),
        linked.outputs["text"].to_pylist(),
        linked.references["text"].to_pylist(),
        strict=True,
    )
    return pa.array([_share(draft, final) if both else None for both, draft, final in rows], pa.float64())


def _share(draft: str, final: str) -> float:
    """
    >>> _share("No effusion. Lungs clear.", "No  effusion. Lungs are clear.")
    0.2
    """
    return float(Levenshtein.normalized_distance(draft.lower().split(), final.lower().split()))
