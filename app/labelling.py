"""Labels: written into a picture, signed, and put on record before they are handed out."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from app.access import Caller
from app.logbook import Logbook, Tail, first_head, log_position
from app.reading import Reader
from app.schemas.requests import LabelCreate
from app.signing import Signing
from app.tables import LabelRow, TreeHead
from remarque.answers import Depth, LabelRecord
from remarque.errors import NotFound
from remarque.labels.manifest import prove_signer
from remarque.labels.signer import SigningKey
from remarque.labels.stamp import LabelRequest, Stamped, stamp
from remarque.labels.vocabulary import LABEL_TYPES
from remarque.preferences import DEFAULT_PREFERENCES, parse_preferences, write_preferences
from remarque.sandbox import Sandbox

__all__ = ["LABEL_TYPES", "Labeller", "label_page", "read_label"]


class Labeller:
    """Writes labels, in processes of their own: they hold the key, and see only what a reader could decode."""

    def __init__(self, signing: Signing, reader: Reader, logbook: Logbook, sandbox: Sandbox) -> None:
        """Sign and read back a drawn picture first. Raises SigningUnavailable where the key cannot do that."""
        self._signing = signing
        self._reader = reader
        self._logbook = logbook
        self._sandbox = sandbox
        sandbox.run(prove_signer, signing.key)

    def label(self, caller: Caller, data: bytes, wish: LabelCreate) -> tuple[str, Stamped]:
        """Label a picture. Returns the label's id and the labelled file, once its record is committed.

        Raises PictureError, InvalidLabelRequest, InvalidManifestPresent, SigningUnavailable, Busy.
        """
        request = LabelRequest(
            id=str(uuid.uuid4()),
            created_at=wish.created_at or datetime.now(UTC),
            preferences={**DEFAULT_PREFERENCES, **wish.preferences},
            **wish.model_dump(include={"system", "system_version", "provider", "digital_source_type", "prompt"}),
        )
        frames = self._reader.asked(data, Depth.FRAME).frames
        stamped = self._sandbox.run(
            _stamp, data, request, self._signing.key, wish.on_invalid, self._signing.trust_anchors
        )
        pdq = frames.hashes[0].tobytes() if frames.counts[0] else None

        def unit(session: Session, tail: Tail) -> None:
            index = tail.append(
                "label",
                opening={"id": request.id, "sha256": stamped.sha256, "pdq": "" if pdq is None else pdq.hex()},
                identity={"party": caller.party, "key": caller.key},
            )
            session.add(
                LabelRow(
                    id=request.id,
                    idx=index,
                    party_id=caller.party,
                    key_id=caller.key,
                    system=request.system,
                    system_version=request.system_version,
                    provider=request.provider,
                    digital_source_type=stamped.digital_source_type,
                    preferences=write_preferences(request.preferences),
                    format=stamped.mime,
                    layers=stamped.layers,
                    digest_in=hashlib.sha256(data).digest(),
                    digest_out=bytes.fromhex(stamped.sha256),
                    manifest=stamped.manifest,
                    manifest_id="",
                    signer="",
                    warnings=[],
                    created_at=request.created_at,
                )
            )

        self._logbook.transact(unit)
        return request.id, stamped


def _stamp(data: bytes, request: LabelRequest, key: SigningKey, on_invalid: str, trust_anchors: bytes) -> Stamped:
    return stamp(
        data, request, key, on_invalid="replace" if on_invalid == "replace" else "refuse", trust_anchors=trust_anchors
    )


def read_label(session: Session, label_id: str, *, base_url: str) -> LabelRecord:
    """Return the public record of a label. Raises NotFound."""
    found = session.execute(
        select(LabelRow, TreeHead).join(TreeHead, first_head(LabelRow.idx)).where(col(LabelRow.id) == label_id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no label {label_id[:80]!r}.")
    row, head = found
    return LabelRecord(
        id=row.id,
        created_at=row.created_at,
        system=row.system,
        system_version=row.system_version,
        provider=row.provider,
        digital_source_type=row.digital_source_type,
        preferences=parse_preferences(row.preferences),
        format=row.format,
        layers=row.layers,
        sha256=row.digest_out.hex(),
        log=log_position(row.idx, head),
        page_url=label_page(base_url, row.id),
    )


def label_page(base_url: str, label_id: str) -> str:
    """The address at which a label's record can be read."""
    return f"{base_url}/v1/labels/{label_id}"
