"""Judges: what an output says, held against its reference. Offline and deterministic unless one is configured."""

from auditor.judges.pairs import BadPairError
from auditor.judges.protocol import Judge, for_task, in_week, is_settled

__all__ = ["BadPairError", "Judge", "for_task", "in_week", "is_settled"]
