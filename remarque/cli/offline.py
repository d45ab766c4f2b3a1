"""A snapshot in place of a registry: asked as a client is, and nothing leaves this machine."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from remarque.answers import Check, Depth
from remarque.client import Claims, Client
from remarque.errors import Busy, PictureError, RemarqueError
from remarque.log.asked import Item, counts_of, picture_items
from remarque.log.checks import items_root
from remarque.log.keys import PinnedKeys
from remarque.preferences import VERIFIED_CLAIMS, Category, Claim, Preference

if TYPE_CHECKING:
    from remarque.fingerprints import Candidate
    from remarque.sandbox import Sandbox
    from remarque.snapshots import Snapshot


class Offline:
    """Answers checks of pictures as the service does at the state of the snapshot."""

    def __init__(self, snapshot: Snapshot, sandbox: Sandbox) -> None:
        self._snapshot, self._sandbox = snapshot, sandbox
        self._items: list[Item] = []
        self._counts: Counter[str] = Counter()
        self._depth = Depth.DEEP

    def check(
        self,
        *images: tuple[str, bytes],
        purpose: Category,
        depth: Depth | None,
        claims: Claims | None,
        receipt: bool = False,
    ) -> Check:
        """As Client.check. A picture that cannot be read is ``unknown`` with the reason.

        With ``receipt`` it is remembered for ``witnessed``.
        """
        deep = depth or Depth.DEEP
        honoured = VERIFIED_CLAIMS | {Claim.SELF} if claims == "self" else VERIFIED_CLAIMS
        check = Check(
            tree_size=self._snapshot.view.tree_size,
            root=self._snapshot.view.root,
            purpose=purpose,
            depth=deep,
            results=[
                self._snapshot.check_picture(self._read(data, deep), name, purpose=purpose, claims=honoured)
                for name, data in images
            ],
        )
        if receipt:
            self._items += picture_items(check.results, [data for _, data in images])
            self._counts.update(counts_of(check))
            self._depth = deep
        return check

    def witnessed(self, signer: Client, *, purpose: Category, claims: Claims | None) -> bytes:
        """The receipt for what was checked so far, all with one purpose and depth. It says who made the check: we."""
        from remarque.matching.engines import picture_search
        from remarque.snapshots.manifest import MANIFEST

        manifest = self._snapshot.directory / MANIFEST
        return signer.check_receipt(
            tree_size=self._snapshot.view.tree_size,
            root=self._snapshot.view.root,
            items_root=items_root(self._items).hex(),
            counts={preference.value: self._counts[preference.value] for preference in Preference},
            engine=picture_search(self._depth),
            purpose=purpose.value,
            claims=claims,
            snapshot_sha256=hashlib.sha256(manifest.read_bytes()).hexdigest(),
        )

    def _read(self, data: bytes, depth: Depth) -> Candidate | RemarqueError:
        from remarque.fingerprints import examine

        try:
            return self._sandbox.run(partial(examine, deep=depth is Depth.DEEP), data)
        except (PictureError, Busy) as error:
            return error


@contextmanager
def offline(folder: Path, keys: PinnedKeys | None) -> Iterator[Offline]:
    """Open a snapshot, verified where ``keys`` are given, and a process that reads pictures: they may come from
    anywhere. Raises LogError, SegmentDamaged, MissingExtra."""
    from remarque.sandbox import Sandbox
    from remarque.snapshots import open_snapshot

    snapshot = open_snapshot(folder, keys)
    with Sandbox(1, preload=("remarque.fingerprints:warm",)) as sandbox:
        yield Offline(snapshot, sandbox)
