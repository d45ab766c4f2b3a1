"""The client for programs that wait for each answer."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, Unpack

import httpx
import numpy as np
import numpy.typing as npt
import PIL.Image

from remarque.answers import (
    Check,
    Credentials,
    Declaration,
    DeclarationList,
    Depth,
    Dispute,
    DisputeList,
    DisputeStatus,
    Erasure,
    Fingerprint,
    HashCheck,
    LabelRecord,
    Outcome,
    Verification,
)
from remarque.client import calls
from remarque.client.files import read_original, replace
from remarque.client.pictures import encode
from remarque.client.receipts import OwnCheck
from remarque.client.values import Bitmap, Claims, Hashes, Image, Labelled, LabelWish, Statement
from remarque.preferences import DEFAULT_PURPOSE, Category, Preference
from remarque.transport import DEFAULT_TIMEOUT, Transport


class Client:
    """One registry, with or without a key. Checks and reads are open; declaring, labelling and bulk need a key.

    Threads may share a client.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._wire = Transport(base_url, api_key, timeout=timeout, transport=transport, sleep=sleep)

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The address of the registry, without a trailing slash."""
        return self._wire.base_url

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def ready(self) -> bool:
        """Whether the service answers that it is ready. False also where nothing answers; never raises."""
        return self._wire.ready()

    # Parties and keys

    def create_party(self, display_name: str | None = None, kind: str | None = None) -> Credentials:
        """Make a party and its key, with the scopes ``declare`` and ``check``. The key is shown this once."""
        return self._wire.send(calls.create_party(display_name, kind))

    def create_key(
        self,
        scopes: Sequence[str],
        party: str | None = None,
        label: str | None = None,
        labels_a_day: int | None = None,
    ) -> Credentials:
        """Make a key with these scopes; needs a key with the scope ``operate``. The key is shown this once."""
        return self._wire.send(calls.create_key(scopes, party, label, labels_a_day))

    # Declarations

    def declare(self, image: Image, **statement: Unpack[Statement]) -> Declaration:
        """Declare a picture. It is hashed by the service and not kept. The same again gives the same declaration."""
        return self._wire.send(calls.declare(image, statement))

    def declare_fingerprints(self, fingerprints: Sequence[Fingerprint], **statement: Unpack[Statement]) -> Declaration:
        """Declare a picture by its fingerprints; the picture stays where it is."""
        return self._wire.send(calls.declare_fingerprints(fingerprints, statement))

    def declaration(self, id: str) -> Declaration:
        """Read one declaration. Fingerprints are shown to its party and the operator only."""
        return self._wire.send(calls.declaration(id))

    def declarations(self, cursor: str | None = None) -> DeclarationList:
        """One page of the key's own declarations."""
        return self._wire.send(calls.declarations(cursor))

    def all_declarations(self) -> Iterator[Declaration]:
        """All of the key's own declarations, page after page."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = self.declarations(cursor)
            yield from page.declarations
            cursor = calls.next_cursor(page, seen)
            if cursor is None:
                return

    def set_preferences(self, id: str, preferences: Mapping[Category, Preference] | Mapping[str, str]) -> Declaration:
        """Change the named categories of a declaration; the others stay."""
        return self._wire.send(calls.set_preferences(id, preferences))

    def withdraw(self, id: str) -> Declaration:
        """End a declaration. It stays in the log and counts no more; a second time changes nothing."""
        return self._wire.send(calls.withdraw(id))

    def erase(self, id: str) -> Declaration:
        """Have a declaration erased, with its fingerprints and all that it says. It cannot be undone."""
        return self._wire.send(calls.erase(id))

    def erase_party(self, id: str) -> Erasure:
        """Have a party erased, with all that it declared and labelled, and its keys. It cannot be undone."""
        return self._wire.send(calls.erase_party(id))

    def receipt(self, id: str) -> bytes:
        """The receipt of a declaration, to be kept as a file; ``remarque receipt verify`` verifies it offline."""
        return self._wire.send(calls.receipt(id))

    # Disputes

    def dispute(self, declaration: str, reason: str, evidence_url: str | None = None) -> Dispute:
        """Dispute the declaration of another party. While one is open, the same again gives the same dispute."""
        return self._wire.send(calls.dispute(declaration, reason, evidence_url))

    def read_dispute(self, id: str) -> Dispute:
        """Read a dispute, as one of its two parties or as the operator."""
        return self._wire.send(calls.read_dispute(id))

    def disputes(self, status: DisputeStatus | str | None = None, cursor: str | None = None) -> DisputeList:
        """One page of the disputes, newest first; needs a key with the scope ``operate``."""
        return self._wire.send(calls.disputes(status, cursor))

    def decide(self, dispute: str, outcome: Outcome | str, reason: str) -> Dispute:
        """Decide a dispute, once: ``upheld`` or ``rejected``; needs a key with the scope ``operate``."""
        return self._wire.send(calls.decide(dispute, outcome, reason))

    # Checks

    def check(
        self,
        *images: Image,
        purpose: Category | str = DEFAULT_PURPOSE,
        depth: Depth | str | None = None,
        claims: Claims | None = None,
        receipt: bool = False,
    ) -> Check:
        """Check pictures, all in one request; ``results`` come in their order.

        A picture that cannot be read is ``unknown`` with the reason. ``claims="self"`` counts permissions that nobody
        verified. With ``receipt`` the answer has one, which is logged for ever; that needs a key with the scope
        ``check``.
        """
        return self._wire.send(calls.check(images, purpose, depth, claims, receipt))

    def check_hashes(
        self,
        hashes: Hashes,
        alg: str = "pdq",
        *,
        purpose: Category | str = DEFAULT_PURPOSE,
        claims: Claims | None = None,
        receipt: bool = False,
    ) -> HashCheck:
        """Check hashes: hexadecimal text is sent as JSON, bytes and arrays as they are. The answer is sparse."""
        return self._wire.send(calls.check_hashes(hashes, alg, purpose, claims, receipt))

    def check_bitmap(
        self,
        hashes: bytes | npt.NDArray[np.uint8],
        *,
        purpose: Category | str = DEFAULT_PURPOSE,
        claims: Claims | None = None,
        receipt: bool = False,
    ) -> Bitmap:
        """Check many PDQ hashes for one bit each; the densest form there is."""
        return self._wire.send(calls.check_bitmap(hashes, purpose, claims, receipt))

    def check_receipt(
        self, *, tree_size: int, root: str, items_root: str, counts: Mapping[str, int], **told: Unpack[OwnCheck]
    ) -> bytes:
        """Have a check logged that was made here, against a snapshot; the receipt says that it is your statement."""
        return self._wire.send(calls.check_receipt(tree_size, root, items_root, counts, told))

    # Labels

    def label(self, image: Image, **wish: Unpack[LabelWish]) -> Labelled:
        """Label a generated picture; needs a key with the scope ``label``. The pixels stay what they are.

        A picture is returned labelled or not at all: every failure raises.
        """
        return self._wire.send(calls.label(image, wish))

    def stamp_bytes(self, data: bytes, **wish: Unpack[LabelWish]) -> Labelled:
        """Label the bytes of a picture file. As ``label``."""
        return self._wire.send(calls.label(data, wish))

    def stamp_image(
        self,
        image: PIL.Image.Image,
        *,
        format: str = "PNG",
        encoding: Mapping[str, Any] | None = None,
        **wish: Unpack[LabelWish],
    ) -> Labelled:
        """Label a picture that Pillow holds, as a file of that format: PNG, JPEG, WEBP, AVIF or TIFF.

        What ``image.info`` carries is kept: the colour profile, EXIF, XMP, and in PNG the text. ``encoding`` are
        arguments of ``Image.save``. Raises InvalidRequest where the format cannot hold the picture as it is.
        """
        return self._wire.send(calls.label(encode(image, format, encoding), wish))

    def stamp_file(self, path: str | os.PathLike[str], **wish: Unpack[LabelWish]) -> Labelled:
        """Label a picture file in place. On any failure it is what it was; its mode stays.

        Raises InvalidRequest where somebody else changed it meanwhile, OSError where it cannot be read or replaced.
        """
        original = read_original(path)
        labelled = self._wire.send(calls.label((original.path.name, original.data), wish))
        replace(original, labelled.data)
        return labelled

    def label_record(self, id: str) -> LabelRecord:
        """Read the public record of a label."""
        return self._wire.send(calls.label_record(id))

    def verify(self, image: Image) -> Verification:
        """Read the labels of a file. ``nothing_found`` does not mean that no AI made it."""
        return self._wire.send(calls.verify(image))
