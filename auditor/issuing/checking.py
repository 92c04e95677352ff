"""`verify` beyond the stores: reports as they were issued, sign-offs, passwords, anchors."""

import sqlalchemy as sa

from auditor.issuing.issue import IssueError, stored
from auditor.signing import anchors, people, signoff
from auditor.signing.anchors import AnchorError
from auditor.store import tables as t
from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.verify import Problem
from auditor.workspace import Workspace


def check_reports(ledger: Ledger, lake: Lake) -> list[Problem]:
    """Every report whose files are not those that were issued."""
    found = []
    for row in ledger.read(sa.select(t.reports.c.id).order_by(t.reports.c.seq)):
        try:
            stored(ledger, lake, row["id"])
        except (IssueError, StoreError) as error:
            found.append(Problem("report", row["id"], f"{row['id']}: {error}"))
    return found


def check_workspace(place: Workspace, ledger: Ledger, lake: Lake, trusted: str | None = None) -> list[Problem]:
    """All of it; what the stores themselves are checked for is `store.verify`.

    `trusted` is a public key (hex) that the reader has from elsewhere; without it the
    keys that the anchors name are believed.
    """
    found = [*check_reports(ledger, lake), *signoff.check(ledger), *people.check(ledger)]
    try:
        known = list(anchors.read(place.anchor_file))
    except AnchorError as error:
        return [*found, Problem("anchor", str(place.anchor_file), str(error))]
    return [*found, *anchors.check(ledger, known, place.identity, trusted)]


def anchors_of(place: Workspace) -> int:
    """How many anchors the workspace's file holds; 0 where it cannot be read, which `check_workspace` names."""
    try:
        return sum(1 for _ in anchors.read(place.anchor_file))
    except AnchorError:
        return 0
