"""The workspace: one folder with a ledger, a lake and `audit.yaml`, and a key that lies outside it."""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.settings import Environment

if TYPE_CHECKING:
    from auditor.store.lake import Lake
    from auditor.store.ledger import Ledger

_MARKER = "workspace.json"
_FORMAT = 1


class WorkspaceError(ValueError):
    """One clear sentence about a workspace that cannot be used."""


@dataclass(frozen=True)
class Workspace:
    """An opened workspace: where its stores are and which key makes its pseudonyms."""

    path: Path
    identity: str
    ledger_url: str
    lake_uri: str
    key_file: Path
    signing_key_file: Path
    anchor_file: Path  # heads of the journal, signed; outside of the workspace

    def ledger(self) -> "Ledger":
        """The ledger; SQLAlchemy is imported here, since not every command needs it."""
        from auditor.store.ledger import Ledger

        return Ledger(self.ledger_url)

    def lake(self) -> "Lake":
        from auditor.store.lake import Lake

        return Lake(self.lake_uri)

    def key(self) -> bytes:
        """The secret that turns identifiers into keyed hashes.

        Raises WorkspaceError when it is gone: without it new rows could not be joined to old ones.
        """
        try:
            key = bytes.fromhex(self.key_file.read_text().strip())
        except FileNotFoundError:
            raise WorkspaceError(
                f"The key {self.key_file} is missing: restore it from the back-up or set AUDITOR_KEY_FILE."
            ) from None
        except (OSError, ValueError):
            raise WorkspaceError(
                f"The key {self.key_file} cannot be read: it must hold 64 hexadecimal digits."
            ) from None
        if len(key) != 32:
            raise WorkspaceError(f"The key {self.key_file} must hold 64 hexadecimal digits.")
        return key

    @property
    def mlflow_uri(self) -> str:
        """The default tracking store of the MLflow mirror."""
        return f"sqlite:///{self.path / 'mlflow.sqlite'}"


def create(environment: Environment, path: Path, at: datetime) -> Workspace:
    """Make a workspace in `path` (an empty or new folder), with its stores and its key.

    Raises WorkspaceError when there is one already or the folder cannot be written.
    """
    if (path / _MARKER).exists():
        raise WorkspaceError(f"{path} is a workspace already; choose another folder or use it as it is.")
    identity = secrets.token_hex(8)
    key_file = environment.key_file or _default_key_file(identity)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not key_file.exists():
            _write_key(key_file)
    except OSError as error:
        raise WorkspaceError(f"Cannot make a workspace in {path}: {error.strerror}.") from None
    workspace = _workspace(environment, path, identity, key_file)
    workspace.key()
    _make_signing_key(workspace)
    ledger = workspace.ledger()
    ledger.create()
    ledger.close()
    workspace.lake().create()
    marker = {"identity": identity, "format": _FORMAT, "key_file": str(key_file), "made": at.isoformat()}
    (path / _MARKER).write_text(json.dumps(marker, indent=2) + "\n")
    return workspace


def open_workspace(environment: Environment) -> Workspace:
    """Open the workspace the environment names.

    Raises WorkspaceError with what to do when there is none.
    """
    path = environment.workspace
    try:
        marker = json.loads((path / _MARKER).read_text())
        identity, made_with = str(marker["identity"]), int(marker["format"])
        recorded_key = Path(str(marker["key_file"]))
    except FileNotFoundError:
        raise WorkspaceError(
            f"There is no workspace in {path}: run 'auditor init {path}', or set AUDITOR_WORKSPACE."
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise WorkspaceError(
            f"{path / _MARKER} cannot be read: restore it from the back-up of the workspace."
        ) from None
    if made_with > _FORMAT:
        raise WorkspaceError(f"{path} was made by a newer auditor; upgrade this one to use it.")
    return _workspace(environment, path, identity, environment.key_file or recorded_key)


def upgrade(environment: Environment, path: Path) -> Workspace | None:
    """Bring the ledger of the workspace in `path` up to this version; None where nothing is older.

    Nothing that was recorded changes: migrations add tables and columns, so the journal stays as it was.

    Raises WorkspaceError where the ledger is not where the workspace says.
    """
    from auditor.store.tables import REVISIONS

    if not (path / _MARKER).exists():
        return None
    workspace = open_workspace(environment.model_copy(update={"workspace": path}))
    ledger = workspace.ledger()
    found = ledger.revision()
    if found is None:
        raise WorkspaceError(
            f"The workspace {path} has lost its ledger: restore it from the back-up, or set AUDITOR_LEDGER."
        )
    if found == REVISIONS[-1]:
        return None
    ledger.create()
    ledger.close()
    _make_signing_key(workspace)
    return workspace


def adopt(environment: Environment, path: Path, marker: bytes) -> Workspace:
    """Make the folder of a workspace that is restored from a back-up, by the marker it had."""
    try:
        told = json.loads(marker)
        identity, recorded_key = str(told["identity"]), Path(str(told["key_file"]))
    except (ValueError, KeyError, TypeError):
        raise WorkspaceError("The back-up's description of its workspace cannot be read; use another.") from None
    path.mkdir(parents=True, exist_ok=True)
    key_file = environment.key_file or recorded_key
    (path / _MARKER).write_text(json.dumps(told | {"key_file": str(key_file)}, indent=2) + "\n")
    return _workspace(environment, path, identity, key_file)


def key_fingerprint(key: bytes) -> str:
    """A name of the key that gives nothing of it away, to see which key made which pseudonyms."""
    return hashlib.sha256(b"auditor key fingerprint" + key).hexdigest()[:16]


def _workspace(environment: Environment, path: Path, identity: str, key_file: Path) -> Workspace:
    folder = path.resolve()
    return Workspace(
        path=folder,
        identity=identity,
        ledger_url=environment.ledger or f"sqlite:///{folder / 'ledger.sqlite'}",
        lake_uri=environment.lake or (folder / "lake").as_uri(),
        key_file=key_file,
        signing_key_file=environment.signing_key_file or key_file.with_name(f"{key_file.stem}.signing"),
        anchor_file=environment.anchor_file or key_file.with_name(f"{identity}.anchors.jsonl"),
    )


def _make_signing_key(workspace: Workspace) -> None:
    """The key that signs for the workspace, unless there is one."""
    from auditor.signing_key import make_key

    if not workspace.signing_key_file.exists():
        make_key(workspace.signing_key_file)


def _default_key_file(identity: str) -> Path:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "auditor" / "keys" / f"{identity}.key"


def _write_key(key_file: Path) -> None:
    key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # O_EXCL and the mode at creation: at no moment can another user read it
    handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
