"""The demo hospital lived through day by day, with two power cuts: what tests of half a year look at."""

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from auditor.clock.children import Child, here
from auditor.clock.clock import Clock
from auditor.demo.hospital import simulate
from auditor.demo.run import ROUNDS, SimulatedTime, hand_in, mornings, prepare
from auditor.demo.settings_text import AUDIT_YAML
from auditor.settings import Environment
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.workspace import Workspace, open_workspace

#: Mornings on which the scheduler dies: once after it has claimed a run, once in the middle of an audit.
BEFORE: Final = date(2026, 5, 4)
MIDWAY: Final = date(2026, 6, 1)


class PowerCut(BaseException):
    """The machine of the scheduler is gone."""


def copied(lived: Workspace, folder: Path) -> Workspace:
    """A copy of the workspace in `folder`, with keys and anchors of its own."""
    site, keys = folder / "site", folder / "keys"
    shutil.copytree(lived.path, site)
    keys.mkdir()
    for file in (lived.key_file, lived.signing_key_file):
        shutil.copy(file, keys)
    marker = json.loads((site / "workspace.json").read_text())
    key_file = keys / lived.key_file.name
    (site / "workspace.json").write_text(json.dumps(marker | {"key_file": str(key_file)}))
    return open_workspace(Environment.model_construct(workspace=site, ledger=None, lake=None, key_file=key_file))


def live(folder: Path) -> Workspace:
    """The workspace `folder`/site after half a year."""
    # monthly audits: the demo's own are fortnightly, which shows the same and takes twice as long
    monthly = AUDIT_YAML.replace("1-7,15-21 4-12 mon", "1-7 4-12 mon")
    assert monthly != AUDIT_YAML
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auditor.demo.hospital.AUDIT_YAML", monthly)
        # MLflow has its own tests, and takes as long as the audits: it gets the first one, the others wait
        patch.setattr("auditor.tracking.pending", _first_alone)
        return _lived(folder)


def _lived(folder: Path) -> Workspace:
    hospital = simulate()
    workspace = prepare(hospital, folder / "site")
    time = SimulatedTime(hospital.received_at(0))
    deaths: list[date] = []

    def scheduler(name: str) -> Clock:
        in_process = here(workspace, time.now, "demo")

        def start(told: dict[str, Any]) -> Child:
            day = time.at.date()
            if day in (BEFORE, MIDWAY) and day not in deaths:
                deaths.append(day)
                if day == MIDWAY:
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setattr("auditor.audit.run.record_audit", _cut)
                        in_process(told)
                raise PowerCut
            return in_process(told)

        return Clock(workspace.ledger(), start, name, "demo")

    clock = scheduler("first")
    for week, morning in mornings(hospital):
        if morning.weekday() == 0:
            hand_in(workspace, week, morning)
        time.at = morning + ROUNDS
        try:
            clock.step(time.at)
        except PowerCut:
            time.at += timedelta(minutes=2)
            clock = scheduler(f"after {time.at:%m-%d}")
            assert clock.step(time.at), "the lease of the dead one has ended"
    assert deaths == [BEFORE, MIDWAY]
    return workspace


def _first_alone(ledger: Ledger, _: str) -> list[str]:
    rows = ledger.read(sa.select(t.mirrors).order_by(t.mirrors.c.at))
    return [row["audit"] for row in rows[:1] if row["status"] != "written"]


def _cut(*_: Any) -> None:
    raise PowerCut
