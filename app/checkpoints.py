"""Checkpoints: signed in the transaction that they are about, published after its commit, checked at every start."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from app.highwater import HighWaterMark
from app.logkeys import FOLDER, LogKeys
from app.settings import Settings
from app.tables import LogEntry, LogState, TreeHead
from app.tiles import root_at
from remarque.errors import LogError, NotReady
from remarque.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from remarque.log.merkle import Tree


@dataclass(frozen=True, slots=True)
class Publisher:
    """Signs for one log, and lets nothing out that the high-water mark does not remember."""

    keys: LogKeys
    mark: HighWaterMark

    @classmethod
    def load(cls, settings: Settings) -> Publisher:
        """Read the keys that the settings name. Raises LogError where they do not fit."""
        return cls.of(LogKeys.load(settings), settings)

    @classmethod
    def of(cls, keys: LogKeys, settings: Settings) -> Publisher:
        """The publisher with these keys, and the mark that the settings name."""
        path = settings.high_water_mark or settings.data_dir / FOLDER / "checkpoint"
        return cls(keys, HighWaterMark(path, keys.log.verifier))

    def sign(self, tree: Tree) -> bytes:
        """Return the signed checkpoint of a state. It must not leave the process before its commit and ``publish``."""
        return sign_checkpoint(Checkpoint(self.keys.origin, tree.size, tree.root()), self.keys.log).to_bytes()

    def publish(self, note: bytes) -> None:
        """Remember a committed checkpoint as published. Raises LogError, OSError: then it must not be shown."""
        self.mark.rise(note)

    @property
    def published_size(self) -> int:
        """A size that this process knows to be published."""
        return self.mark.known

    def newest(self, session: Session) -> TreeHead:
        """The newest state that is committed, published by this. Raises NotReady where nothing was signed yet."""
        head = newest_head(session)
        if head is None or head.note is None:
            raise NotReady("The log has no signed checkpoint yet.")
        self.publish(head.note)
        return head

    def check(self, session: Session) -> None:
        """Check, on a session that writes, that this database is the log that was published, whole and with nothing
        missing. Raises LogError."""
        # (1) The newest state is signed, by the key that signs here. The lock keeps other workers from appending.
        state = session.exec(select(LogState).with_for_update()).one()
        head = newest_head(session)
        if head is None or head.note is None:
            raise LogError("REFUSING TO SIGN: the database holds no signed checkpoint; app.prepare makes the first one")
        try:
            signed = open_checkpoint(head.note, self.keys.log.verifier)
        except LogError as error:
            raise LogError(f"REFUSING TO SIGN: the log belongs to another origin or key: {error}") from None
        # (2) What was signed, the state, the tiles and the entries agree.
        last = session.exec(select(func.max(col(LogEntry.idx)))).one()
        entries = 0 if last is None else last + 1
        if not signed.size == head.size == state.size == entries:
            raise LogError(
                f"REFUSING TO SIGN: database at {state.size}, {entries} entries, checkpoint at {signed.size}"
            )
        computed = Tree.from_bytes(state.size, state.peaks).root()
        if not signed.root == head.root == computed == root_at(session, head.size):
            raise LogError(f"REFUSING TO SIGN: the tiles, the state and the checkpoint at {head.size} differ")
        # (3) Nothing that was published is missing or different.
        try:
            mark = self.mark.read()
        except LogError as error:
            raise LogError(f"REFUSING TO SIGN: the high-water mark is not of this log: {error}") from None
        if mark is not None and mark.size > head.size:
            raise LogError(f"REFUSING TO SIGN: database at {head.size}, published high-water mark {mark.size}")
        if mark is not None and root_at(session, mark.size) != mark.root:
            raise LogError(f"REFUSING TO SIGN: the database has another history up to {mark.size} than was published")


def newest_head(session: Session) -> TreeHead | None:
    """The newest state of the log."""
    return session.exec(select(TreeHead).order_by(col(TreeHead.size).desc()).limit(1)).first()
