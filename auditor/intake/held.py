"""Outputs made inside the product into the lake: the same conversion, gate and identity as those of a file.

Their identifiers are pseudonyms already, since they come from rows of the lake, and they are not hashed again.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from auditor.intake.admission import Admission, Decision
from auditor.intake.convert import Converter, gate_table, lake_table
from auditor.intake.faults import Fault, RowError
from auditor.intake.gate import rules_for
from auditor.intake.images import Images
from auditor.intake.parse import Parsed
from auditor.intake.pseudonyms import Pseudonyms, Role
from auditor.records import Output
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction


class _AsTheyAre(Pseudonyms):
    """Identifiers that are pseudonyms already."""

    def __init__(self) -> None:
        super().__init__(bytes(32))

    def of(self, role: Role, identifier: str) -> str:
        return identifier


def take_in(
    outputs: Sequence[Output],
    where: str,
    *,
    settings: AuditSettings,
    ledger: Ledger,
    lake: Lake,
    received_at: datetime,
    actor: str,
) -> Decision:
    """Register outputs; `where` says in the ledger where they come from.

    Rows that the gate refuses are in the decision's `faults`; nothing of them is written.
    """
    zone = ZoneInfo(settings.timezone)
    converter = Converter(settings.system, zone, _AsTheyAre(), received_at, Images(Path()), check_images=False)
    rows, gates, numbers, faults = [], [], [], list[Fault]()
    for number, output in enumerate(outputs, 1):
        try:
            row, gate = converter.row(output)
        except RowError as error:
            faults.append(Fault(number, error.field, error.reason))
            continue
        rows.append(row)
        gates.append(gate)
        numbers.append(number)
    data, gate_data = lake_table("outputs", rows), gate_table("outputs", gates, ())
    parsed = Parsed(numbers, data, gate_data, faults, len(outputs), frozenset())
    sha256 = digest_of([row["digest"].hex() for row in rows])
    file_id = f"f-{digest_of([settings.system, where, sha256])[:32]}"
    admission = Admission("outputs", settings.system, rules_for("outputs", settings), ledger, lake, file_id)

    def record(tx: Transaction, decision: Decision) -> None:
        totals = {
            "status": "complete",
            "rows": len(outputs),
            "accepted": len(decision.new_rows),
            "duplicates": len(decision.same_rows),
            "quarantined": len(decision.faults),
        }
        tx.update(t.files, file_id, totals)

    row = {
        "id": file_id,
        "system": settings.system,
        "kind": "outputs",
        "sha256": sha256,
        "path": where,
        "bytes": data.nbytes,
        "mapping_sha": "",
        "status": "partial",
        "rows": 0,
        "accepted": 0,
        "duplicates": 0,
        "quarantined": 0,
        "received_at": received_at,
    }
    # segments name the file that they came from, so it is there first
    with ledger.transaction(actor=actor, at=received_at) as tx:
        tx.insert_new(t.files, [row])

    return admission.admit(parsed, actor, received_at, record)[0]
