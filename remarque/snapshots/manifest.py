"""What signs a snapshot: the state of the log that it is of, and the digest of every file.

A signed note under the receipts key: the line ``remarque-snapshot/v1`` and one line of canonical JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remarque.errors import LogError
from remarque.log.checkpoint import open_checkpoint
from remarque.log.encoding import MAX_NUMBER, read_digest, read_object
from remarque.log.entries import canonical_json
from remarque.log.keys import PinnedKeys
from remarque.log.note import Note, sign_note
from remarque.log.vkeys import SigningKey

FORMAT = "remarque-snapshot/v1"
#: The name of the manifest among the files of its snapshot.
MANIFEST = "manifest"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\.(npy|json)", re.ASCII)
_MEMBERS = {"checkpoint", "counts", "files", "root", "tree_size"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHead:
    """What ``/v1/snapshots/latest`` answers: the newest snapshot, where its files lie, and its manifest, a signed note.

    ``bytes``: of all files together.
    """

    tree_size: int
    root: str
    bytes: int
    files_url: str
    manifest: str


@dataclass(frozen=True, slots=True)
class File:
    """One file: how many bytes it has, and their SHA-256 (64 hex digits)."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says; nothing of it is verified.

    ``checkpoint``: the signed note of the log at ``tree_size`` and ``root`` (hex). ``counts``: of declarations, and of
    the fingerprints of each algorithm. ``files``: by name, all but the manifest itself.
    """

    tree_size: int
    root: str
    checkpoint: str
    counts: Mapping[str, int]
    files: Mapping[str, File]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files.values())

    def to_text(self) -> str:
        """Return the text that is signed. Raises LogError on what cannot be."""
        self._check()
        body = {
            "checkpoint": self.checkpoint,
            "counts": dict(self.counts),
            "files": {name: {"bytes": file.bytes, "sha256": file.sha256} for name, file in self.files.items()},
            "root": self.root,
            "tree_size": self.tree_size,
        }
        return f"{FORMAT}\n{canonical_json(body).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Inverse of ``to_text``. Raises LogError on any other text."""
        head, _, body = text.partition("\n")
        if head != FORMAT:
            raise LogError(f"not a {FORMAT}")
        document = read_object(body.encode())
        if document.keys() != _MEMBERS or not isinstance(document["files"], dict):
            raise LogError(f"a manifest has the members {', '.join(sorted(_MEMBERS))}")
        document["files"] = {name: _read_file(name, file) for name, file in document["files"].items()}
        manifest = cls(**document)
        if manifest.to_text() != text:
            raise LogError("a manifest that is not in canonical form")
        return manifest

    def _check(self) -> None:
        read_digest(self.root)
        if not isinstance(self.checkpoint, str) or not isinstance(self.counts, Mapping) or not self.files:
            raise LogError("a manifest has the note of a checkpoint, counts and files")
        for number in (self.tree_size, *self.counts.values(), *(file.bytes for file in self.files.values())):
            if type(number) is not int or not 0 <= number <= MAX_NUMBER:
                raise LogError("numbers in a manifest are whole and not negative")
        for name, file in self.files.items():
            if _NAME.fullmatch(name) is None:
                raise LogError(f"no file of a snapshot is called {name[:80]!r}")
            read_digest(file.sha256)


def _read_file(name: str, value: Any) -> File:
    if not isinstance(value, dict) or value.keys() != {"bytes", "sha256"}:
        raise LogError(f"{name[:80]}: a manifest tells bytes and sha256 of each file")
    return File(value["bytes"], value["sha256"])


def sign_manifest(manifest: Manifest, keys: PinnedKeys, key: SigningKey) -> bytes:
    """Return the manifest as a note signed by the receipts key, verified. Raises LogError."""
    note = sign_note(manifest.to_text(), key).to_bytes()
    open_manifest(note, keys)
    return note


def open_manifest(note: bytes, keys: PinnedKeys) -> Manifest:
    """Return what a manifest says that verifies with pinned keys alone. Raises LogError."""
    # (1) The receipts key of the registry signed it.
    parsed = Note.parse(note)
    parsed.verify([keys.receipts_key])
    # (2) It is a manifest, in the one form that it has.
    manifest = Manifest.parse(parsed.text)
    # (3) The log signed the state that it is of.
    checkpoint = open_checkpoint(manifest.checkpoint.encode(), keys.log_key, keys.witnesses)
    # (4) That is the state that it names.
    if (checkpoint.size, checkpoint.root.hex()) != (manifest.tree_size, manifest.root):
        raise LogError(
            f"a snapshot of tree size {manifest.tree_size} under the checkpoint of tree size {checkpoint.size}"
            if checkpoint.size != manifest.tree_size
            else f"a snapshot of tree size {manifest.tree_size} with another root than its checkpoint"
        )
    return manifest


def read_manifest(note: bytes) -> Manifest:
    """Return what a manifest says, without asking who signed it. Raises LogError."""
    return Manifest.parse(Note.parse(note).text)
