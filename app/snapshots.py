"""Snapshots: made of the log and signed, kept, handed out, withdrawn.

They lie in ``<data-dir>/snapshots/``, one folder for each tree size, which appears whole. A snapshot is made of the one
before it and the entries since, or of the whole log; the files are the same.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from app.access import Caller, Scope, require
from app.checkpoints import Publisher
from app.db import Database
from app.logkeys import LogKeys
from app.settings import Settings
from app.tables import LogEntry, Opening, TreeHead
from remarque.durable import write_file
from remarque.errors import LogError, NotFound, NotKept, NotReady, SegmentDamaged
from remarque.log.entries import OPENING_TAG, Entry, commitment
from remarque.matching.segments import UNFINISHED
from remarque.snapshots import Snapshot, open_snapshot
from remarque.snapshots.draft import Draft
from remarque.snapshots.manifest import MANIFEST, File, Manifest, SnapshotHead, read_manifest, sign_manifest
from remarque.snapshots.opened import numbered

#: The folder of the data directory.
FOLDER = "snapshots"
#: Entries that are read at once.
BATCH = 5000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """A snapshot that was asked for: where it lies, and the tree size of the one it was made of, if it was made now."""

    directory: Path
    manifest: Manifest
    new: bool
    since: int | None = None


# Handing out


def require_access(settings: Settings, caller: Caller | None) -> None:
    """Raise KeyRequired or ScopeMissing unless the caller may have snapshots, as the settings say."""
    if settings.snapshots == "granted":
        require(caller, Scope.SNAPSHOT)
    elif settings.snapshots == "keyed" and caller is None:
        require(caller, Scope.CHECK)


def may_have(settings: Settings, caller: Caller | None) -> bool:
    """Whether the caller may have snapshots, and so the openings among the changes."""
    if settings.snapshots == "granted":
        return caller is not None and (Scope.SNAPSHOT in caller.scopes or caller.operates)
    return settings.snapshots == "public" or caller is not None


def latest(folder: Path, base_url: str) -> SnapshotHead:
    """The newest snapshot. Raises NotFound where there is none."""
    for directory in _newest_first(folder):
        try:
            note = directory.joinpath(MANIFEST).read_bytes()
        except FileNotFoundError:
            continue  # it was withdrawn a moment ago
        manifest = read_manifest(note)
        return SnapshotHead(
            tree_size=manifest.tree_size,
            root=manifest.root,
            bytes=manifest.bytes,
            files_url=f"{base_url}/v1/snapshots/{manifest.tree_size}",
            manifest=note.decode(),
        )
    raise NotFound("There is no snapshot at the moment.")


def find_file(folder: Path, tree_size: int, name: str) -> tuple[Path, File | None]:
    """A file of a snapshot and what was signed of it; None for the manifest itself.

    Raises NotKept where the snapshot is not kept (any more), NotFound where it has no such file.
    """
    directory = folder / str(tree_size)
    try:
        manifest = read_manifest(directory.joinpath(MANIFEST).read_bytes())
    except FileNotFoundError:
        raise NotKept(f"No snapshot is kept at tree size {tree_size}; see /v1/snapshots/latest.") from None
    if name == MANIFEST:
        return directory / MANIFEST, None
    if name not in manifest.files:
        raise NotFound(f"The snapshot at tree size {tree_size} has no file {name[:80]!r}.")
    return directory / name, manifest.files[name]


# Withdrawing


def withdraw(folder: Path, ref: int) -> list[int]:
    """Delete every snapshot that may hold the declaration of entry ``ref``. Returns their tree sizes.

    To be called after the commit of its erasure.
    """
    gone = [directory for directory in _newest_first(folder) if int(directory.name) > ref]
    for directory in gone:
        _remove(directory)
    return [int(directory.name) for directory in gone]


# Making


def build(database: Database, settings: Settings) -> Built:
    """Make the snapshot of the newest published state, unless it is there, and keep the newest few.

    Raises NotReady while another process makes one, or where nothing was published yet.
    """
    publisher = Publisher.load(settings)
    folder = settings.data_dir / FOLDER
    with _alone(folder):
        _clean(folder, settings.snapshots_kept)
        with database.reading() as session:
            head = publisher.newest(session)
        directory = folder / str(head.size)
        if directory.exists():
            return Built(directory, read_manifest(directory.joinpath(MANIFEST).read_bytes()), new=False)
        old = _newest_good(database, folder, publisher.keys)
        unfinished = folder / f"{UNFINISHED}{head.size}"
        try:
            manifest = _write(database, publisher.keys, head, old, unfinished)
        except LogError as error:
            if old is None:
                raise
            log.warning("made of the whole log, as %s cannot be gone on from: %s", old.directory, error)
            old = None
            manifest = _write(database, publisher.keys, head, old, unfinished)
        unfinished.rename(directory)
        with database.reading() as session:
            erased = _erased_since(session, head.size)
        if erased and withdraw(folder, min(erased)):
            # The erasure may have looked before this snapshot was there.
            raise NotReady("A declaration was erased meanwhile; make the snapshot of the state after that.")
        _clean(folder, settings.snapshots_kept)
        return Built(directory, manifest, new=True, since=None if old is None else old.view.tree_size)


def _write(database: Database, keys: LogKeys, head: TreeHead, old: Snapshot | None, unfinished: Path) -> Manifest:
    draft = Draft(old)
    for start in range(draft.size, head.size, BATCH):
        with database.reading() as session:
            _feed(session, draft, start, min(start + BATCH, head.size))
    counts, files = draft.write(unfinished, head.size, head.root.hex())
    note = head.note or b""
    manifest = Manifest(tree_size=head.size, root=head.root.hex(), checkpoint=note.decode(), counts=counts, files=files)
    write_file(unfinished / MANIFEST, sign_manifest(manifest, keys.pinned, keys.receipts))
    return manifest


def _feed(session: Session, draft: Draft, start: int, stop: int) -> None:
    rows = session.execute(
        select(LogEntry.idx, LogEntry.body, Opening.salt, Opening.payload)
        .join(Opening, col(Opening.idx) == col(LogEntry.idx), isouter=True)
        .where(LogEntry.idx >= start, LogEntry.idx < stop)
        .order_by(col(LogEntry.idx))
    ).all()
    if [row[0] for row in rows] != list(range(start, stop)):
        raise LogError(f"the log has a gap between entries {start} and {stop}")
    for index, body, salt, payload in rows:
        entry = Entry.decode(body)
        if payload is not None and commitment(OPENING_TAG, salt, payload) != entry.fields.get("open"):
            raise LogError(f"the opening of entry {index} is not what the entry commits to")
        ref = entry.fields.get("ref")
        opening = None if payload is None else json.loads(payload)
        draft.apply(index, entry.type, None if ref is None else int(ref), opening)


def _newest_good(database: Database, folder: Path, keys: LogKeys) -> Snapshot | None:
    """The newest snapshot that is whole, and of this log."""
    for directory in _newest_first(folder):
        try:
            snapshot = open_snapshot(directory, keys.pinned)
        except (LogError, SegmentDamaged) as error:
            log.warning("%s is not used: %s", directory, error)
            continue
        with database.reading() as session:
            head = session.get(TreeHead, snapshot.view.tree_size)
        if head is not None and head.root.hex() == snapshot.view.root:
            return snapshot
        log.warning("%s is not used: it is of another log", directory)
    return None


def _erased_since(session: Session, tree_size: int) -> list[int]:
    """The declarations before that tree size that were erased by entries from there on."""
    bodies = session.exec(select(LogEntry.body).where(LogEntry.idx >= tree_size)).all()
    entries = (Entry.decode(body) for body in bodies)
    refs = [int(entry.fields["ref"]) for entry in entries if entry.type == "erase"]
    return [ref for ref in refs if ref < tree_size]


def _newest_first(folder: Path) -> list[Path]:
    return sorted(numbered(folder), key=lambda path: -int(path.name))


def _clean(folder: Path, kept: int) -> None:
    for directory in _newest_first(folder)[kept:]:
        _remove(directory)
    for left in (path for path in folder.glob(f"{UNFINISHED}*") if path.is_dir()):
        shutil.rmtree(left)


def _remove(directory: Path) -> None:
    """Remove a snapshot: gone at once for those who look, then piece by piece."""
    aside = directory.parent / f"{UNFINISHED}gone-{directory.name}"
    shutil.rmtree(aside, ignore_errors=True)
    directory.rename(aside)
    shutil.rmtree(aside)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder; it ends with the process. Raises NotReady where another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{UNFINISHED}lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady("Another process is making a snapshot.") from None
        yield
    finally:
        os.close(descriptor)
