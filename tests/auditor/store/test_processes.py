"""Several processes at one ledger, and a process that dies halfway."""

import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from auditor.store import tables as t
from auditor.store.chain import GENESIS
from auditor.store.ledger import Ledger
from auditor.store.segments import last_seq, segments_of
from auditor.store.verify import verify
from tests.auditor.store.conftest import NOW, Stores, fill, rows_of

PREPARE = """
import sys
from datetime import UTC, datetime
import pyarrow as pa
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.chain import GENESIS
from auditor.store.ledger import Ledger
from auditor.store.segments import register_segments
folder, url, name = sys.argv[1:]
now = datetime(2026, 3, 2, tzinfo=UTC)
ledger, lake = Ledger(url), Lake(f"{folder}/lake")
"""

WRITE_TWENTY_TIMES = """
for number in range(20):
    segment = lake.write(pa.table({"output_id": [f"{name}-{number}"]}), "outputs")
    with ledger.transaction(name, now) as tx:
        tx.insert_new(t.systems, [{"name": "drafts", "created_at": now}])
        register_segments(tx, [segment], "drafts")
        tx.insert(t.versions, [{"system": "drafts", "version": f"{name}-{number}", "first_seen_at": now}])
"""

STOP_HALFWAY = """
segment = lake.write(pa.table({"output_id": ["lost"]}), "outputs")
with ledger.transaction(name, now) as tx:
    register_segments(tx, [segment], "drafts")
    rows = [{"system": "drafts", "version": str(n), "first_seen_at": now} for n in range(20_000)]
    tx.insert(t.versions, rows)  # more than the page cache: SQLite has begun to write
    print(segment.sha256, flush=True)
    sys.stdin.read()
"""

CREATE = """
ledger.create()
"""


def start(code: str, folder: Path, url: str, name: str) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", PREPARE + code, str(folder), url, name]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_writing_at_once_keep_one_chain(stores: Stores) -> None:
    writers = [start(WRITE_TWENTY_TIMES, stores.folder, stores.url, name) for name in ("one", "two")]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    found = verify(stores.ledger, stores.lake)
    assert found.ok
    assert (found.entries, found.segments, found.rubbish) == (81, 40, ())
    assert [s.seq for s in segments_of(stores.ledger, "drafts", "outputs")] == list(range(1, 41))
    journal = t.journal.c
    writing = stores.ledger.read(
        select(journal.actor).where(journal.table_name == "segments").order_by(journal.seq)
    )
    assert {row["actor"] for row in writing} == {"one", "two"}


def test_two_processes_may_create_one_ledger_at_once(database_url: str, tmp_path: Path) -> None:
    makers = [start(CREATE, tmp_path, database_url, name) for name in ("one", "two")]
    for maker in makers:
        maker.communicate(timeout=60)
        assert maker.returncode == 0
    ledger = Ledger(database_url)
    assert ledger.head() == (0, GENESIS)
    ledger.close()


def test_a_writer_killed_halfway_leaves_the_record_whole_and_a_file_that_is_named(stores: Stores) -> None:
    fill(stores)
    before = stores.ledger.head()
    writer = start(STOP_HALFWAY, stores.folder, stores.url, "killed")
    assert writer.stdout is not None
    sha256 = writer.stdout.readline().strip()
    assert len(sha256) == 64, "the writer has written its segment and stands inside its transaction"
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=60)

    assert stores.ledger.head() == before
    assert last_seq(stores.ledger) == 1
    found = verify(stores.ledger, stores.lake)
    assert found.ok
    assert found.rubbish == (stores.lake.name(sha256),)
    with stores.ledger.transaction("next", NOW) as tx:  # the dead writer's lock died with it
        tx.insert(t.versions, [{"system": "drafts", "version": "0", "first_seen_at": NOW}])
    assert stores.lake.write(rows_of("z"), "outputs").rows == 1
    assert verify(stores.ledger, stores.lake).ok
