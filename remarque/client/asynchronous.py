"""The client for asyncio: what Client can, awaited, many requests at once through one client.

Files are read and pictures encoded in a thread, so that the loop goes on meanwhile.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
from remarque.transport import DEFAULT_TIMEOUT, AsyncTransport


class AsyncClient:
    """One registry, with or without a key. Each method does what its namesake of Client does.

    Tasks of one loop may share a client, and should: connections are kept. A call may be cancelled.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wire = AsyncTransport(base_url, api_key, timeout=timeout, transport=transport, sleep=sleep)

    def __repr__(self) -> str:
        return f"AsyncClient({self.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """The address of the registry, without a trailing slash."""
        return self._wire.base_url

    async def close(self) -> None:
        """As Client.close."""
        await self._wire.close()

    async def ready(self) -> bool:
        """As Client.ready."""
        return await self._wire.ready()

    # Parties and keys

    async def create_party(self, display_name: str | None = None, kind: str | None = None) -> Credentials:
        """As Client.create_party."""
        return await self._wire.send(calls.create_party(display_name, kind))

    async def create_key(
        self,
        scopes: Sequence[str],
        party: str | None = None,
        label: str | None = None,
        labels_a_day: int | None = None,
    ) -> Credentials:
        """As Client.create_key."""
        return await self._wire.send(calls.create_key(scopes, party, label, labels_a_day))

    # Declarations

    async def declare(self, image: Image, **statement: Unpack[Statement]) -> Declaration:
        """As Client.declare."""
        return await self._wire.send(await asyncio.to_thread(calls.declare, image, statement))

    async def declare_fingerprints(
        self, fingerprints: Sequence[Fingerprint], **statement: Unpack[Statement]
    ) -> Declaration:
        """As Client.declare_fingerprints."""
        return await self._wire.send(calls.declare_fingerprints(fingerprints, statement))

    async def declaration(self, id: str) -> Declaration:
        """As Client.declaration."""
        return await self._wire.send(calls.declaration(id))

    async def declarations(self, cursor: str | None = None) -> DeclarationList:
        """As Client.declarations."""
        return await self._wire.send(calls.declarations(cursor))

    async def all_declarations(self) -> AsyncIterator[Declaration]:
        """As Client.all_declarations."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = await self.declarations(cursor)
            for declaration in page.declarations:
                yield declaration
            cursor = calls.next_cursor(page, seen)
            if cursor is None:
                return

    async def set_preferences(
        self, id: str, preferences: Mapping[Category, Preference] | Mapping[str, str]
    ) -> Declaration:
        """As Client.set_preferences."""
        return await self._wire.send(calls.set_preferences(id, preferences))

    async def withdraw(self, id: str) -> Declaration:
        """As Client.withdraw."""
        return await self._wire.send(calls.withdraw(id))

    async def erase(self, id: str) -> Declaration:
        """As Client.erase."""
        return await self._wire.send(calls.erase(id))

    async def erase_party(self, id: str) -> Erasure:
        """As Client.erase_party."""
        return await self._wire.send(calls.erase_party(id))

    async def receipt(self, id: str) -> bytes:
        """As Client.receipt."""
        return await self._wire.send(calls.receipt(id))

    # Disputes

    async def dispute(self, declaration: str, reason: str, evidence_url: str | None = None) -> Dispute:
        """As Client.dispute."""
        return await self._wire.send(calls.dispute(declaration, reason, evidence_url))

    async def read_dispute(self, id: str) -> Dispute:
        """As Client.read_dispute."""
        return await self._wire.send(calls.read_dispute(id))

    async def disputes(self, status: DisputeStatus | str | None = None, cursor: str | None = None) -> DisputeList:
        """As Client.disputes."""
        return await self._wire.send(calls.disputes(status, cursor))

    async def decide(self, dispute: str, outcome: Outcome | str, reason: str) -> Dispute:
        """As Client.decide."""
        return await self._wire.send(calls.decide(dispute, outcome, reason))

    # Checks

    async def check(
        self,
        *images: Image,
        purpose: Category | str = DEFAULT_PURPOSE,
        depth: Depth | str | None = None,
        claims: Claims | None = None,
        receipt: bool = False,
    ) -> Check:
        """As Client.check."""
        return await self._wire.send(await asyncio.to_thread(calls.check, images, purpose, depth, claims, receipt))

    async def check_hashes(
        self,
        hashes: Hashes,
        alg: str = "pdq",
        *,
        purpose: Category | str = DEFAULT_PURPOSE,
        claims: Claims | None = None,
        receipt: bool = False,
    ) -> HashCheck:
        """Check hashes: hexadecimal text is sent as JSON, bytes and arrays as they are. The answer is sparse."""
        return await self._wire.send(calls.check_hashes(hashes, alg, purpose, claims, receipt))

    async def check_bitmap(
        self,
        hashes: bytes | npt.NDArray[np.uint8],
        *,
        purpose: Category | str = DEFAULT_PURPOSE,
        claims: Claims | None = None,
        receipt: bool = False,
    ) -> Bitmap:
        """As Client.check_bitmap."""
        return await self._wire.send(calls.check_bitmap(hashes, purpose, claims, receipt))

    async def check_receipt(
        self, *, tree_size: int, root: str, items_root: str, counts: Mapping[str, int], **told: Unpack[OwnCheck]
    ) -> bytes:
        """As Client.check_receipt."""
        return await self._wire.send(calls.check_receipt(tree_size, root, items_root, counts, told))

    # Labels

    async def label(self, image: Image, **wish: Unpack[LabelWish]) -> Labelled:
        """As Client.label."""
        return await self._wire.send(await asyncio.to_thread(calls.label, image, wish))

    async def stamp_bytes(self, data: bytes, **wish: Unpack[LabelWish]) -> Labelled:
        """As Client.stamp_bytes."""
        return await self._wire.send(calls.label(data, wish))

    async def stamp_image(
        self,
        image: PIL.Image.Image,
        *,
        format: str = "PNG",
        encoding: Mapping[str, Any] | None = None,
        **wish: Unpack[LabelWish],
    ) -> Labelled:
        """As Client.stamp_image."""
        data = await asyncio.to_thread(encode, image, format, encoding)
        return await self._wire.send(calls.label(data, wish))

    async def stamp_file(self, path: str | os.PathLike[str], **wish: Unpack[LabelWish]) -> Labelled:
        """As Client.stamp_file. Where it is cancelled, the file is what it was, or labelled."""
        original = await asyncio.to_thread(read_original, path)
        labelled = await self._wire.send(calls.label((original.path.name, original.data), wish))
        await asyncio.to_thread(replace, original, labelled.data)
        return labelled

    async def label_record(self, id: str) -> LabelRecord:
        """As Client.label_record."""
        return await self._wire.send(calls.label_record(id))

    async def verify(self, image: Image) -> Verification:
        """As Client.verify."""
        return await self._wire.send(await asyncio.to_thread(calls.verify, image))
