"""The classification judge: scores and decisions of a multi-label classifier against labels.

One row a finding. A finding that the labels leave out has a null label, a finding that the system gives no
score has a null probability: neither is ever read as 0.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from auditor.judges.pairs import BadPairError
from auditor.judges.protocol import BLOCK

VERSION: Final = "classification-1"


def finding_key(name: str) -> str:
    """The name under which scores and labels of a finding meet: case, underscores and spaces do not count.

    >>> finding_key("Pleural_Thickening ") == finding_key("pleural thickening")
    True
    """
    return " ".join(name.replace("_", " ").split()).casefold()


def _mapping(pair: Mapping[str, Any], field: str) -> dict[str, tuple[str, Any]] | None:
    """Key → (name as written, value) of one field; None when the field is absent or null."""
    given = pair.get(field)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise BadPairError(f"field {field!r} must map findings to values, or be null")
    found: dict[str, tuple[str, Any]] = {}
    for name, value in given.items():
        key = finding_key(str(name))
        if key in found:
            raise BadPairError(f"field {field!r} names one finding twice")
        found[key] = (str(name), value)
    return found


def _probability(value: Any, field: str) -> float | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadPairError(f"field {field!r} must hold numbers from 0 to 1, or null")
    return float(value)


def _binary(value: Any, field: str) -> int | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if value not in (0, 1):
        raise BadPairError(f"field {field!r} must hold 0, 1 or null")
    return int(value)


class ClassificationJudge:
    """Pairs scores and decisions with labels, finding by finding."""

    name = "classification"
    block = BLOCK
    remote = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256(VERSION.encode()).hexdigest()[:32]

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """One result a pair, in order; its rows are in the order in which scores, decisions, labels name them.

        >>> pair = {"id": 1, "scores": {"Edema": 0.7}, "labels": {"edema": 1, "Mass": 0}}
        >>> pair["thresholds"] = {"Edema": 0.5}
        >>> [(r["item"], r["label"], r["decision"]) for r in next(ClassificationJudge().judge([pair]))["rows"]]
        [('Edema', 1, 1), ('Mass', 0, None)]
        """
        for pair in pairs:
            yield self.one(pair)

    def one(self, pair: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one pair. Raises BadPairError when a field has the wrong form."""
        scores, decisions = _mapping(pair, "scores"), _mapping(pair, "decisions")
        labels, thresholds = _mapping(pair, "labels"), _mapping(pair, "thresholds") or {}
        names: dict[str, str] = {}
        for field in (scores, decisions, labels):
            for key, (name, _) in (field or {}).items():
                names.setdefault(key, name)
        rows = []
        for key, name in names.items():
            probability = _probability((scores or {}).get(key, ("", None))[1], "scores")
            decision = _binary((decisions or {}).get(key, ("", None))[1], "decisions")
            threshold = _probability(thresholds.get(key, ("", None))[1], "thresholds")
            if decision is None and probability is not None and threshold is not None:
                decision = int(probability >= threshold)
            label = _binary((labels or {}).get(key, ("", None))[1], "labels")
            rows.append(
                {
                    "item": name,
                    "probability": probability,
                    "label": label,
                    "decision": decision,
                    "status": _status(labels is not None, probability, decision),
                }
            )
        status, reason = "judged", None
        if not (scores or decisions):
            status, reason = "unparseable", "the output has neither scores nor decisions"
        elif labels is None:
            status, reason = "awaiting", "there are no labels yet"
        return {
            "id": pair.get("id"),
            "status": status,
            "reason": reason,
            "rows": rows,
            "judge": f"{self.name}:{self.digest}",
        }


def _status(labelled: bool, probability: float | None, decision: int | None) -> str:
    if not labelled:
        return "awaiting"
    return "unparseable" if probability is None and decision is None else "judged"
