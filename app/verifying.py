"""Verifications: what the labels of a file say, and what the registry knows of the picture.

A file that carries a label is told by it, and its exact bytes are looked up. Of a file in which nothing was found the
picture is compared with those that were labelled here.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sqlmodel import select

from app.addresses import label_page
from app.db import Database
from app.index import Index
from app.reading import Reader
from app.recovery import as_similar, candidates
from app.signing import Signing
from app.tables import LabelRow
from remarque.answers import RegistryFinding, Verification
from remarque.labels.recovered import with_recovered

_NOT_COMPARED = "The picture could not be compared with those that were labelled here."


class Verifier:
    """Reads labels, and looks the file up."""

    def __init__(self, database: Database, index: Index, reader: Reader, signing: Signing) -> None:
        self._database = database
        self._index = index
        self._reader = reader
        self._signing = signing

    def verify(self, data: bytes, *, base_url: str) -> Verification:
        """Verify one file. Raises PictureError, Busy, NotReady."""
        looked = self._reader.labels(data, self._signing.trust_anchors, self._signing.development_root)
        reading = looked.reading
        if not looked.comparable:
            reading = replace(reading, summary=f"{reading.summary} {_NOT_COMPARED}")
        view = self._index.label_view
        found = [] if looked.candidate is None else self._index.labels.similar(view, looked.candidate)
        with self._database.reading() as session:
            label = session.exec(
                select(LabelRow.id).where(LabelRow.digest_out == hashlib.sha256(data).digest()).limit(1)
            ).first()
            similar = candidates(session, found) if found else []
        reading = with_recovered(reading, [as_similar(one, base_url=base_url) for one in similar])
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
