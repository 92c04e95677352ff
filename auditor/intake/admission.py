"""Which parsed rows go in: identity against the lake, the gate, and the one transaction that registers them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.intake.faults import Fault, IntakeError
from auditor.intake.gate import Rule, failures
from auditor.intake.masking import masked_row
from auditor.intake.parse import Parsed
from auditor.records import Kind
from auditor.store import tables as t
from auditor.store.errors import StaleError
from auditor.store.index import CONFLICT, ID_COLUMNS, SAME, IdIndex
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import register_segments

#: How often another writer may be faster before we give up.
_TRIES: Final = 20

OTHER_CONTENT: Final[dict[Kind, str]] = {
    "outputs": "an output with this id is already in, with other content; the first one stays",
    "references": "this version of the reference is in with other content; give the new one a new version",
    "cases": "",  # a case may always be amended
}


@dataclass(frozen=True)
class Decision:
    """What happens to the rows of one block."""

    new: pa.Table
    new_rows: list[int]
    same_rows: list[int]  # already in, with this very content
    faults: list[Fault]
    conflicts: int  # of the faults, those whose id is in with other content


class Admission:
    """Admits rows of one kind for one system; knows what the lake holds."""

    def __init__(
        self, kind: Kind, system: str, rules: Sequence[Rule], ledger: Ledger, lake: Lake, file_id: str
    ) -> None:
        self._kind = kind
        self._system = system
        self._rules = rules
        self._ledger = ledger
        self._lake = lake
        self._file_id = file_id
        self._index = IdIndex.load(ledger, lake, kind, system)

    def decide(self, parsed: Parsed) -> Decision:
        """Sort rows into new, known and faulty. Writes nothing."""
        if not parsed.rows:
            return Decision(parsed.data, [], [], list(parsed.faults), 0)
        codes = self._index.decide(
            parsed.data[ID_COLUMNS[self._kind]], parsed.data["digest"], self._amendable(parsed.data)
        )
        asked = np.flatnonzero(codes != SAME)  # what is in already has passed the gate before
        failed: dict[int, tuple[str | None, str]] = {}
        if len(asked):
            for place, rule in failures(self._rules, parsed.gate.take(pa.array(asked))).items():
                failed[int(asked[place])] = (rule.field, rule.reason)
        conflicts = np.flatnonzero(codes == CONFLICT)
        for place in conflicts.tolist():
            failed.setdefault(place, (None, OTHER_CONTENT[self._kind]))
        fine = codes == 0
        fine[list(failed)] = False
        rows = np.asarray(parsed.rows)
        return Decision(
            parsed.data.filter(pa.array(fine)),
            rows[fine].tolist(),
            rows[codes == SAME].tolist(),
            sorted([*parsed.faults, *self._faults(parsed, failed)], key=lambda fault: fault.row),
            len(conflicts),
        )

    def admit(
        self,
        parsed: Parsed,
        actor: str,
        at: datetime,
        record: Callable[[Transaction, Decision], None],
    ) -> tuple[Decision, str | None]:
        """Decide, write the new rows and register them; `record` adds its own rows to the transaction.

        Returns the decision and the sha256 of the new segment, if there is one.
        """
        for _ in range(_TRIES):
            decision = self.decide(parsed)
            segment = self._lake.write(decision.new, self._kind) if decision.new_rows else None
            last = self._index.last_seq
            try:
                with self._ledger.transaction(actor=actor, at=at) as tx:
                    if segment is not None:
                        last = register_segments(tx, [segment], self._system, self._file_id, last)
                        self._register_versions(tx, decision.new)
                    record(tx, decision)
            except StaleError:
                self._index = IdIndex.load(self._ledger, self._lake, self._kind, self._system)
                continue
            self.remember(decision)
            self._index.last_seq = last
            return decision, None if segment is None else segment.sha256
        raise IntakeError("Other processes keep writing to this system; try again when they are done.")

    def remember(self, decision: Decision) -> None:
        """Take the new rows into the index, so that later blocks know them."""
        if decision.new_rows:
            self._index.add(decision.new[ID_COLUMNS[self._kind]], decision.new["digest"])

    def _amendable(self, data: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
        if self._kind == "outputs":
            return None
        if self._kind == "references":  # without a version, what comes later is the newer
            return np.asarray(pc.is_null(data["version"]), dtype=np.bool_)
        return np.ones(len(data), np.bool_)

    def _faults(self, parsed: Parsed, failed: dict[int, tuple[str | None, str]]) -> list[Fault]:
        places = sorted(failed)
        rows = parsed.data.take(pa.array(places, pa.int64())).to_pylist()
        return [
            Fault(parsed.rows[place], *failed[place], masked_row(row, self._kind))
            for place, row in zip(places, rows, strict=True)
        ]

    def _register_versions(self, tx: Transaction, new: pa.Table) -> None:
        if self._kind == "outputs":
            versions = sorted(pc.unique(new["version"]).to_pylist())
            rows = [{"system": self._system, "version": v, "first_seen_at": tx.at} for v in versions]
            tx.insert_new(t.versions, rows)
