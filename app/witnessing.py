"""The newest checkpoint is published where the operator cannot rewrite it: to witnesses, and into a folder.

A thread of one worker does it, whichever takes the lock in the data directory first. Nothing waits for it: an answer is
durable and below the high-water mark before; a witness adds that there is no other history.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from sqlmodel import Session

from app import cosigned
from app.checkpoints import Publisher, newest_head
from app.db import Database
from app.logkeys import FOLDER
from app.publishing import PublishedFolder
from app.settings import Settings
from app.tables import Cosigned, TreeHead
from app.tiles import read_hashes, root_at
from app.witness_client import NotCosigned, WitnessClient, witnesses_of
from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint
from remarque.log.proofs import consistency_proof
from remarque.log.tiles import hash_reader
from remarque.log.witness import AddCheckpoint, is_cosigned_by

log = logging.getLogger(__name__)


class Witnessing:
    """The thread, and what it publishes to. Without witnesses and folder there is none."""

    def __init__(self, settings: Settings, database: Database, publisher: Publisher) -> None:
        """Raises LogError where the settings name a witness that cannot be read."""
        self._database = database
        self._publisher = publisher
        self._every = settings.publish_seconds
        self._lock_file = settings.data_dir / FOLDER / "publishing.lock"
        self._clients = [WitnessClient(witness) for witness in witnesses_of(settings)]
        folder = settings.publish_dir
        self._folder = None if folder is None else PublishedFolder(folder, publisher.keys.log.verifier)
        self._written = -1
        self._since = datetime.now(UTC)
        self._warned = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="witnessing", daemon=True)

    def start(self) -> None:
        """Require that the log continues what lies in the folder, then begin. Raises LogError."""
        if self._folder is not None:
            with self._database.reading() as session:
                head = newest_head(session)
                self._folder.check(head.size if head else 0, partial(root_at, session))
        if self._clients or self._folder is not None:
            self._thread.start()

    def stop(self) -> None:
        """End; at the latest when a witness that is being asked has had its time."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        for client in self._clients:
            client.close()

    def turn(self) -> None:
        """Publish the newest checkpoint to whoever has not seen it. Raises what the database and the disk raise."""
        with self._database.reading() as session:
            head = self._publisher.newest(session)
            kept = session.get(Cosigned, head.size)
            note = kept.note if kept is not None else head.note or b""
        for client in self._clients:
            if not (self._stop.is_set() or client.resting or is_cosigned_by(note, client.key)):
                self._ask(client, head)
        self._write(head)
        self._warn(head)

    def _work(self) -> None:
        with _opened(self._lock_file) as lock:
            while not self._stop.is_set():
                if _taken(lock):
                    self._turn_or_say()
                self._stop.wait(self._every)

    def _turn_or_say(self) -> None:
        try:
            self.turn()
        except Exception:
            # Whatever it is, the service goes on, and so does this thread; nothing that was answered depends on it.
            log.exception("the newest checkpoint could not be published")

    def _ask(self, client: WitnessClient, head: TreeHead) -> None:
        """Have one witness sign, and keep what it signed."""
        try:
            answer = client.cosignatures(head.size, partial(self._request, head))
            with self._database.writing() as session:
                try:
                    cosigned.keep(session, head, answer, client.key)
                except LogError as error:
                    raise NotCosigned(
                        "bad-signature", f"what it answered is no signature: {error}", grave=True
                    ) from error
                session.commit()
        except NotCosigned as error:
            client.failed(error)
        else:
            client.succeeded()

    def _request(self, head: TreeHead, old_size: int) -> AddCheckpoint:
        """What to ask a witness that stands at ``old_size``. No transaction is open while it answers."""
        proof: list[bytes] = []
        if old_size:
            with self._database.reading() as session:
                hash_at = hash_reader(lambda tile: read_hashes(session, tile), head.size)
                proof = consistency_proof(hash_at, old_size, head.size)
        return AddCheckpoint(old_size, tuple(proof), head.note or b"")

    def _write(self, head: TreeHead) -> None:
        if self._folder is None or head.size == self._written:
            return
        with self._database.reading() as session:
            kept = session.get(Cosigned, head.size)
        note = kept.note if kept is not None else head.note or b""
        self._folder.write(Checkpoint(self._publisher.keys.origin, head.size, head.root), note)
        self._written = head.size

    def _warn(self, head: TreeHead) -> None:
        """Say once that no witness has signed for long, and once that one did again."""
        if not self._clients:
            return
        with self._database.reading() as session:
            late = self._is_late(session, head)
        if late and not self._warned:
            log.warning(
                "No witness has signed a checkpoint of this log for more than %s; until one does, /log/checkpoint "
                "shows the newest without them, and whoever asks for --quorum refuses it.",
                cosigned.PATIENCE,
            )
        self._warned = late

    def _is_late(self, session: Session, head: TreeHead) -> bool:
        now, seen = datetime.now(UTC), cosigned.cosigned_note(session)
        if now - self._since <= cosigned.PATIENCE or (seen is not None and seen.size == head.size):
            return False
        return seen is None or cosigned.is_late(session, seen.size, now)


def _opened(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.open("ab")


def _taken(lock: BinaryIO) -> bool:
    """Whether this worker publishes: the lock is let go of when its process ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
