"""Snapshots as files: verified, opened, asked.

A folder holds the files of a snapshot and their manifest, or folders that are called by tree sizes and do; of those the
newest counts. A snapshot is put there whole, by renaming: the folder holds the old one or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from remarque.answers import CheckResult, Depth, HashCheck
from remarque.codec import from_json
from remarque.errors import NotFound, PictureError, RemarqueError, SegmentDamaged
from remarque.fingerprints import Candidate, examine
from remarque.log.keys import PinnedKeys
from remarque.log.note import MAX_NOTE_SIZE
from remarque.matching.asking import State, ask_hashes, ask_picture, parse_hashes, split_hashes
from remarque.matching.matcher import Matcher, View
from remarque.matching.segments import UNFINISHED, Segment
from remarque.matching.works import ID_PREFIX
from remarque.preferences import DEFAULT_PURPOSE, VERIFIED_CLAIMS, Category, Claim
from remarque.snapshots.manifest import MANIFEST, File, Manifest, open_manifest, read_manifest

#: The arrays that hold what is public of each declaration: lines of canonical JSON one after another, and their ends.
FACTS, ENDS = "declaration_facts", "declaration_ends"
#: What such a line has of an opening, where the opening has it.
PUBLIC = ("constraint", "id", "policy_url", "url", "valid_until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a declaration says of itself beside its preferences; ``valid_until`` in Unix seconds."""

    id: str
    url: str | None = None
    policy_url: str | None = None
    constraint: str | None = None
    valid_until: int | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """An opened snapshot; its arrays are mapped, so that many processes share them. Any thread may ask."""

    directory: Path
    manifest: Manifest
    segment: Segment
    matcher: Matcher
    view: View

    def __len__(self) -> int:
        """How many declarations there are, expired ones included."""
        return len(self.segment.arrays[ENDS])

    def check(
        self,
        hashes: Sequence[str] | bytes | NDArray[np.uint8],
        alg: str = "pdq",
        *,
        purpose: Category = DEFAULT_PURPOSE,
        claims: Collection[Claim] = VERIFIED_CLAIMS,
        now: float | None = None,
    ) -> HashCheck:
        """Check hashes: hexadecimal texts, bytes one after another, or uint8 (n, size). The answer is sparse.

        ``claims``: whose permissions count. ``now``: Unix seconds, by which declarations have expired or not.
        """
        if isinstance(hashes, np.ndarray):
            hashes = np.ascontiguousarray(hashes, np.uint8).tobytes()
        algorithm, values = split_hashes(alg, hashes) if isinstance(hashes, bytes) else parse_hashes(alg, hashes)
        return ask_hashes(State(self.matcher, self.view, now), algorithm, values, purpose, claims)

    def check_picture(
        self,
        picture: bytes | Candidate | RemarqueError,
        name: str = "",
        *,
        purpose: Category = DEFAULT_PURPOSE,
        depth: Depth = Depth.DEEP,
        claims: Collection[Claim] = VERIFIED_CLAIMS,
        now: float | None = None,
    ) -> CheckResult:
        """Check a picture: the bytes of a file, or what was made of them elsewhere.

        Bytes are read in this process; who handles files of strangers reads them with ``fingerprints.examine`` in a
        sandbox (``remarque.sandbox``). What cannot be read is ``unknown`` with the reason.
        """
        if isinstance(picture, bytes):
            try:
                picture = examine(picture, deep=depth is Depth.DEEP)
            except PictureError as error:
                picture = error
        return ask_picture(State(self.matcher, self.view, now), name, picture, purpose, claims)

    def facts(self, declaration: str) -> Facts:
        """What the declaration of that id says of itself. Raises NotFound where it is not in the snapshot."""
        ids, order = self._by_id
        try:
            wanted = np.frombuffer(bytes.fromhex(declaration.removeprefix(ID_PREFIX)), ids.dtype)
        except ValueError:
            wanted = ids[:0]
        place = int(np.searchsorted(ids, wanted[0], sorter=order)) if len(wanted) == 1 else len(ids)
        if place == len(ids) or ids[order[place]] != wanted[0]:
            raise NotFound(f"There is no declaration {declaration[:80]!r} in this snapshot.")
        return from_json(Facts, json.loads(self._line(int(order[place]))))

    @cached_property
    def _by_id(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
        """The identifiers, and their order: made when it is asked for, as a check does without."""
        ids = np.ascontiguousarray(self.segment.arrays["work_id"]).view("S16").reshape(-1)
        return ids, np.argsort(ids)

    def _line(self, slot: int) -> bytes:
        ends = self.segment.arrays[ENDS]
        start = int(ends[slot - 1]) if slot else 0
        return self.segment.arrays[FACTS][start : int(ends[slot])].tobytes()


def find_snapshot(folder: Path) -> Path | None:
    """Where the files of the snapshot lie that a folder holds; None where it holds none."""
    if folder.joinpath(MANIFEST).exists():
        return folder
    return max(numbered(folder), key=lambda path: int(path.name), default=None)


def numbered(folder: Path) -> list[Path]:
    """The folders of snapshots in a folder of several."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name.isascii() and path.name.isdigit() and path.is_dir()]


def require_snapshot(folder: Path) -> Path:
    """As find_snapshot. Raises SegmentDamaged where there is none."""
    found = find_snapshot(folder)
    if found is None:
        raise SegmentDamaged(f"{folder} holds no snapshot")
    return found


def open_snapshot(folder: Path, keys: PinnedKeys | None = None) -> Snapshot:
    """Open the snapshot in a folder, in milliseconds; with ``keys`` everything is verified before, at about 1 GB/s.

    Raises LogError where it is not signed as it should be, SegmentDamaged where files are not as they should be.
    """
    directory = require_snapshot(folder)
    manifest = manifest_of(directory) if keys is None else verify_snapshot(directory, keys)
    segment = Segment.open(directory)
    rows = segment.facts.get("rows")
    if not isinstance(rows, dict) or segment.facts != {
        "rows": rows,
        "root": manifest.root,
        "tree_size": manifest.tree_size,
    }:
        raise SegmentDamaged(f"{directory} holds files of another state than its manifest")
    view = View(manifest.tree_size, manifest.root, {name: n for name, n in rows.items() if isinstance(n, int)})
    try:
        matcher = Matcher(segment.arrays, view)
        works, ends = len(segment.arrays["work_id"]), segment.arrays[ENDS]
    except (KeyError, ValueError, RemarqueError) as error:
        raise SegmentDamaged(f"{directory} holds no snapshot that this version reads: {error!r}") from error
    if len(ends) != works or (len(ends) and int(ends[-1]) != len(segment.arrays[FACTS])):
        raise SegmentDamaged(f"{directory / FACTS}.npy does not fit the declarations beside it")
    return Snapshot(directory, manifest, segment, matcher, view)


def verify_snapshot(folder: Path, keys: PinnedKeys) -> Manifest:
    """Verify the snapshot in a folder with pinned keys alone, every byte of it, and return its manifest.

    Raises LogError on a signature or a state that does not hold, SegmentDamaged with the name of the first file that is
    missing, not as it was signed, or not one of its own.
    """
    directory = require_snapshot(folder)
    # (1) The manifest is signed, and so is the state that it is of.
    manifest = open_manifest(_read_note(directory), keys)
    # (2) A folder that is called by a tree size is of that.
    if directory != folder and directory.name != str(manifest.tree_size):
        raise SegmentDamaged(f"{directory / MANIFEST} is of tree size {manifest.tree_size}")
    # (3) Nothing else lies there.
    require_own(directory, manifest)
    if directory != folder:
        _require_only_snapshots(folder)
    # (4) Every file is what was signed.
    for name, file in sorted(manifest.files.items()):
        _require_same(directory / name, file)
    # (5) What the files say of themselves is what was signed.
    open_snapshot(directory)
    return manifest


def manifest_of(directory: Path) -> Manifest:
    """The manifest there, without asking who signed it. Raises LogError, SegmentDamaged."""
    return read_manifest(_read_note(directory))


def require_own(directory: Path, manifest: Manifest) -> None:
    """Raise SegmentDamaged, naming the first file that is missing or that the manifest does not name."""
    there, expected = {path.name for path in directory.iterdir()}, {MANIFEST, *manifest.files}
    for name in sorted(expected - there):
        raise SegmentDamaged(f"{directory / name} is missing")
    for name in sorted(there - expected):
        raise SegmentDamaged(f"{directory / name} is none of its files")


def file_of(path: Path) -> File:
    """Bytes and digest of a file. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return File(file.tell(), digest)


def _require_same(path: Path, file: File) -> None:
    try:
        found = file_of(path)
    except OSError as error:
        raise SegmentDamaged(f"{path} cannot be read: {error.strerror}") from error
    if found != file:
        raise SegmentDamaged(f"{path} is not the file that was signed: {found.bytes} bytes, SHA-256 {found.sha256}")


def _require_only_snapshots(folder: Path) -> None:
    known = set(numbered(folder))
    for path in sorted(folder.iterdir()):
        if path not in known and not path.name.startswith(UNFINISHED):
            raise SegmentDamaged(f"{path} is none of its files")


def _read_note(directory: Path) -> bytes:
    try:
        with directory.joinpath(MANIFEST).open("rb") as file:
            return file.read(MAX_NOTE_SIZE + 1)
    except OSError as error:
        raise SegmentDamaged(f"{directory / MANIFEST} cannot be read: {error.strerror}") from error
