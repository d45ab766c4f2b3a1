"""Verifications: what the labels of a file say, and what the registry knows of these exact bytes."""

from __future__ import annotations

import hashlib

from sqlmodel import select

from app.db import Database
from app.index import Index
from app.labelling import label_page
from app.reading import Reader
from app.signing import Signing
from app.tables import LabelRow
from remarque.answers import RegistryFinding, Verification


class Verifier:
    """Reads labels, and looks the file up."""

    def __init__(self, database: Database, index: Index, reader: Reader, signing: Signing) -> None:
        self._database = database
        self._index = index
        self._reader = reader
        self._signing = signing

    def verify(self, data: bytes, *, base_url: str) -> Verification:
        """Verify one file. Raises PictureError, Busy, NotReady."""
        reading = self._reader.labels(data, self._signing.trust_anchors, self._signing.development_root)
        view = self._index.view
        with self._database.reading() as session:
            label = session.exec(
                select(LabelRow.id).where(LabelRow.digest_out == hashlib.sha256(data).digest()).limit(1)
            ).first()
        return Verification(
            verdict=reading.verdict,
            ai_generated=reading.ai_generated,
            summary=reading.summary,
            layers=reading.layers,
            registry=RegistryFinding(
                tree_size=view.tree_size,
                root=view.root,
                label=label,
                page_url=None if label is None else label_page(base_url, label),
            ),
        )
