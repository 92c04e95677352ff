"""Asking a system's live model again: what it was asked before, and its probes beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from auditor.replay.collect import Budget, Replayed, expected_cost, replay
from auditor.replay.families import model_for
from auditor.replay.gallery import gallery_of
from auditor.replay.notebook import Notebook
from auditor.replay.probes import probes
from auditor.replay.questions import model_of, questions
from auditor.settings import AuditSettings
from auditor.store.model_facts import keep_facts
from auditor.workspace import Workspace


@dataclass(frozen=True)
class Asked:
    """Which questions are asked again, and how much that may cost."""

    sample: int | None = None  # only so many, chosen by hash
    where: Mapping[str, str] = field(default_factory=dict)  # only cases with these attributes
    images: Path = Path()  # where relative image addresses start from
    budget: Budget = field(default_factory=Budget)


def expected(workspace: Workspace, settings: AuditSettings, asked: Asked) -> str:
    """How much would be asked, in a sentence; asks nothing."""
    ledger, lake = workspace.ledger(), workspace.lake()
    model = model_for(settings, asked.images, lambda: gallery_of(settings, ledger, lake))
    plain = questions(settings, ledger, lake, model.fingerprint, asked.sample, asked.where)
    probing = probes(settings, ledger, lake, model.fingerprint, plain)
    cost = expected_cost(ledger, lake, settings, len(plain) + len(probing))
    return (
        f"{len(plain):,} questions and {len(probing):,} probes for version {model_of(settings).version}{cost}; "
        "nothing was asked."
    )


def ask_again(
    workspace: Workspace,
    settings: AuditSettings,
    asked: Asked,
    clock: Callable[[], datetime],
    actor: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Replayed:
    """Ask, and write the answers as replayed outputs. May be stopped at any moment and started again."""
    ledger, lake = workspace.ledger(), workspace.lake()
    setting = model_of(settings)
    model = model_for(settings, asked.images, lambda: gallery_of(settings, ledger, lake))
    plain = questions(settings, ledger, lake, model.fingerprint, asked.sample, asked.where)
    probing = probes(settings, ledger, lake, model.fingerprint, plain)
    with ledger.transaction(actor=actor, at=clock()) as tx:
        keep_facts(tx, settings.system, setting.version, model.fingerprint, model.facts)
    with Notebook(workspace.path / "replay" / f"{settings.system}.jsonl") as notebook:
        return replay(
            [*plain, *probing],
            model,
            notebook,
            settings=settings,
            version=setting.version,
            ledger=ledger,
            lake=lake,
            clock=clock,
            actor=actor,
            budget=asked.budget,
            progress=progress,
        )
