"""Judges: what an output says, held against its reference. Stateless, deterministic, offline."""

from auditor.judges.pairs import BadPairError
from auditor.judges.protocol import Judge, for_task

__all__ = ["BadPairError", "Judge", "for_task"]
