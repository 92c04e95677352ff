"""Asking a system's live model again: what it was asked before, and its probes beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from auditor.replay.collect import Budget, Progress, Replayed, answered, replay
from auditor.replay.cost import earlier_cost
from auditor.replay.families import model_for
from auditor.replay.gallery import gallery_of
from auditor.replay.notebook import Notebook
from auditor.replay.probes import probes
from auditor.replay.protocol import Model, Prompt
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
    """How much would be asked and what it would cost, in a sentence; asks nothing."""
    return f"{_Planned.of(workspace, settings, asked).cost(workspace, settings)}; nothing was asked."


@dataclass(frozen=True)
class _Planned:
    """The model, and all that it is to be asked."""

    model: Model
    plain: list[Prompt]
    probing: list[Prompt]

    @classmethod
    def of(cls, workspace: Workspace, settings: AuditSettings, asked: Asked) -> Self:
        ledger, lake = workspace.ledger(), workspace.lake()
        model = model_for(settings, asked.images, lambda: gallery_of(settings, ledger, lake))
        plain = questions(settings, ledger, lake, model.fingerprint, asked.sample, asked.where)
        return cls(model, plain, probes(settings, ledger, lake, model.fingerprint, plain))

    def cost(self, workspace: Workspace, settings: AuditSettings) -> str:
        """How many questions there are, how many of them are answered, and what the others will cost."""
        ledger, lake = workspace.ledger(), workspace.lake()
        known = answered(ledger, lake, settings.system)
        before = sum(prompt.id in known for prompt in (*self.plain, *self.probing))
        open_questions = len(self.plain) + len(self.probing) - before
        said = f"{len(self.plain):,} questions and {len(self.probing):,} probes"
        said += f" for version {model_of(settings).version}"
        said += f", {before:,} of them answered before" if before else ""
        return said + earlier_cost(ledger, lake, settings).for_questions(open_questions)


def ask_again(
    workspace: Workspace,
    settings: AuditSettings,
    asked: Asked,
    clock: Callable[[], datetime],
    actor: str,
    progress: Progress | None = None,
    announce: Callable[[str], None] = lambda said: None,
) -> Replayed:
    """Ask, and write the answers as replayed outputs. May be stopped at any moment and started again.

    `announce` is told, before anything is asked, how much it will be.
    """
    ledger, lake = workspace.ledger(), workspace.lake()
    setting = model_of(settings)
    planned = _Planned.of(workspace, settings, asked)
    model = planned.model
    announce(f"{planned.cost(workspace, settings)}.")
    with ledger.transaction(actor=actor, at=clock()) as tx:
        keep_facts(tx, settings.system, setting.version, model.fingerprint, model.facts)
    with Notebook(workspace.path / "replay" / f"{settings.system}.jsonl") as notebook:
        return replay(
            [*planned.plain, *planned.probing],
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
