"""Snapshots over HTTP: the newest one is fetched, or made of the one that is there and what changed since.

What is made here is compared with the signed digests, file by file; only files that differ are fetched. What was begun
and broken off goes on where it was. The folder holds the old snapshot until the new one is whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from remarque.codec import from_json
from remarque.durable import sync_directory, write_file
from remarque.errors import AnswerNotUnderstood, LogError, RemarqueError, SegmentDamaged
from remarque.log.keys import PinnedKeys
from remarque.matching.segments import UNFINISHED
from remarque.snapshots.changes import Change, Until, read_changes
from remarque.snapshots.draft import Draft
from remarque.snapshots.growth import require_growth
from remarque.snapshots.manifest import MANIFEST, File, Manifest, SnapshotHead, open_manifest
from remarque.snapshots.opened import Snapshot, file_of, find_snapshot, numbered, open_snapshot
from remarque.transport import Answer, Call, Transport

#: Bytes of one request for a part of a file: what is lost where a connection breaks, and held in memory.
PART = 16 << 20
#: Changes that have more bytes than this share of the files would cost more than the files: they are given up.
WORTH = 0.5

Report = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did. ``received``: bytes of files and of changes; ``saved``: bytes of files that were not fetched.

    ``since``: the tree size of the snapshot that was built on, None where there was none. ``note``: why
    something had to be fetched that could have been made here.
    """

    manifest: Manifest
    directory: Path
    received: int
    saved: int
    since: int | None
    note: str | None = None


def pull(
    url: str,
    folder: Path,
    *,
    keys: PinnedKeys,
    key: str | None = None,
    report: Report = lambda done, whole: None,
    transport: httpx.BaseTransport | None = None,
) -> Pulled:
    """Bring the snapshot in ``folder`` to the newest one of the registry at ``url``, verified.

    ``report`` is called with the bytes that are there of the new one, and with all that it has. Raises LogError or
    SegmentDamaged on what does not verify, ServiceError where the registry does not answer as it should.
    """
    wire = Transport(url, key, transport=transport)
    try:
        return _Pull(wire, folder, keys, report).run()
    finally:
        wire.close()


class _Pull:
    def __init__(self, wire: Transport, folder: Path, keys: PinnedKeys, report: Report) -> None:
        self._wire, self._folder, self._keys, self._report = wire, folder, keys, report
        self._received = 0
        self._note: str | None = None

    def run(self) -> Pulled:
        # (1) What there is to be fetched, signed.
        head = self._wire.send(Call(method="GET", path="/v1/snapshots/latest", read=_read_head))
        note = head.manifest.encode(errors="replace")  # half a character: then it does not verify
        manifest = open_manifest(note, self._keys)
        self._folder.mkdir(parents=True, exist_ok=True)
        # (2) What is there already, if every byte of it is what was signed.
        old = self._here()
        if old is not None and old.view.tree_size > manifest.tree_size:
            raise LogError(
                f"{self._folder} holds tree size {old.view.tree_size}; the registry now offers {manifest.tree_size}, "
                "which is older. Nothing was changed."
            )
        # (3) The log has only grown since.
        if old is not None:
            require_growth(self._wire, old.manifest, manifest)
        if old is not None and old.manifest.files == manifest.files:
            return Pulled(manifest, old.directory, 0, manifest.bytes, old.view.tree_size)
        # (4) What can be made of that, and the rest from the registry.
        unfinished = self._folder / f"{UNFINISHED}{manifest.tree_size}"
        unfinished.mkdir(exist_ok=True)
        if old is not None:
            self._build(old, manifest, unfinished)
        saved = self._fetch(manifest, unfinished)
        # (5) In its place, at once.
        write_file(unfinished / MANIFEST, note)
        final = self._put(unfinished, str(manifest.tree_size))
        return Pulled(manifest, final, self._received, saved, None if old is None else old.view.tree_size, self._note)

    def _here(self) -> Snapshot | None:
        directory = find_snapshot(self._folder)
        if directory is None:
            return None
        if directory == self._folder:
            raise SegmentDamaged(f"{self._folder} was not pulled: its files cannot be replaced at once; name another")
        try:
            return open_snapshot(self._folder, self._keys)
        except (LogError, SegmentDamaged) as error:
            self._note = f"what was there is not used: {error}"
            return None

    def _build(self, old: Snapshot, manifest: Manifest, unfinished: Path) -> None:
        """Make the files of the new state of the old one, and keep those that are what was signed."""
        made = self._folder / f"{UNFINISHED}{manifest.tree_size}-made"
        shutil.rmtree(made, ignore_errors=True)
        try:
            draft = self._changed(old, manifest)
            draft.write(made, manifest.tree_size, manifest.root)
            other = [name for name, file in manifest.files.items() if not _keep(made / name, unfinished / name, file)]
            if other:
                self._note = f"{len(other)} files came out otherwise than they were signed, and are fetched"
        except (RemarqueError, KeyError) as error:
            # Whatever is wrong with the changes: the files themselves are there to be fetched, and are signed.
            self._note = f"the changes cannot be used, and files are fetched: {error}"
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _changed(self, old: Snapshot, manifest: Manifest) -> Draft:
        draft = Draft(old)
        since = old.view.tree_size
        while since < manifest.tree_size:
            changes, until, size = self._wire.send(_changes(since, manifest.tree_size))
            self._received += size
            if self._received > WORTH * manifest.bytes:
                raise AnswerNotUnderstood("they have more bytes than half of the files")
            if until.next == since:
                raise AnswerNotUnderstood("they end before the snapshot")
            for change in changes:
                if change.index < manifest.tree_size:
                    draft.apply(change.index, change.type, change.ref, change.opening)
            since = until.next
        return draft

    def _fetch(self, manifest: Manifest, unfinished: Path) -> int:
        """Fetch what is missing; returns the bytes that were there."""
        saved = there = 0
        for name, file in sorted(manifest.files.items()):
            report = partial(self._tell, manifest.bytes, there)
            begun = self._fetch_file(f"/v1/snapshots/{manifest.tree_size}/{name}", unfinished / name, file, report)
            saved, there = saved + begun, there + file.bytes
        for path in unfinished.iterdir():
            if path.name not in manifest.files:
                path.unlink()
        return saved

    def _tell(self, whole: int, before: int, here: int) -> None:
        self._report(before + here, whole)

    def _fetch_file(self, path: str, target: Path, file: File, report: Callable[[int], object]) -> int:
        """Fetch the rest of a file; returns the bytes that were there. Raises SegmentDamaged on another digest."""
        begun = target.stat().st_size if target.exists() else 0
        if begun > file.bytes:
            target.unlink()
            begun = 0
        with target.open("ab") as out:
            start = begun
            while start < file.bytes:
                stop = min(start + PART, file.bytes)
                part = self._wire.send(_part(path, start, stop))
                out.write(part)
                self._received, start = self._received + len(part), stop
                report(start)
            out.flush()
            os.fsync(out.fileno())
        if file_of(target) != file:
            target.unlink()
            if begun:  # what was there was no part of it
                return self._fetch_file(path, target, file, report)
            raise SegmentDamaged(f"{target.name} came otherwise than it was signed")
        report(file.bytes)
        return begun

    def _put(self, unfinished: Path, name: str) -> Path:
        final = self._folder / name
        if final.exists():  # damaged, or it would have been used
            final.rename(self._folder / f"{UNFINISHED}{name}-damaged")
        sync_directory(unfinished)
        unfinished.rename(final)
        sync_directory(self._folder)
        for other in (*numbered(self._folder), *self._folder.glob(f"{UNFINISHED}*")):
            if other != final:  # who has it mapped keeps it until it lets go
                shutil.rmtree(other)
        return final


def _read_head(answer: Answer) -> SnapshotHead:
    return from_json(SnapshotHead, answer.json())


def _changes(since: int, until: int) -> Call[tuple[list[Change], Until, int]]:
    def read(answer: Answer) -> tuple[list[Change], Until, int]:
        content = answer.response.content
        changes, last = read_changes(content, since)
        return list(changes), last, len(content)

    params = {"since": str(since), "until": str(until)}
    return Call(method="GET", path="/v1/changes", read=read, params=params)


def _part(path: str, start: int, stop: int) -> Call[bytes]:
    def read(answer: Answer) -> bytes:
        content = answer.response.content
        if answer.response.status_code == httpx.codes.OK and len(content) >= stop:
            return content[start:stop]  # a service that knows no ranges sends the whole
        if answer.response.status_code != httpx.codes.PARTIAL_CONTENT or len(content) != stop - start:
            raise AnswerNotUnderstood(f"{path}: asked for {stop - start} bytes, got {len(content)}")
        return content

    return Call(method="GET", path=path, read=read, headers={"Range": f"bytes={start}-{stop - 1}", "Accept": "*/*"})


def _keep(made: Path, target: Path, file: File) -> bool:
    """Put a file that was made here in place, if it is the one that was signed."""
    if not made.exists() or file_of(made) != file:
        return False
    made.replace(target)
    return True
