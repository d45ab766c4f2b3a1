"""Labels: written into a picture, signed, and put on record before they are handed out.

What a stranger sent is decoded and given a manifest in a process that can be killed and holds no key; the signature is
made here, over the claim that came back, and put into it.
"""

from __future__ import annotations

import hashlib
import uuid
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from app.access import Caller
from app.addresses import label_page, manifest_address
from app.db import Database
from app.keyevents import log_signer
from app.logbook import Logbook, first_head, log_position
from app.quotas import count_label, require_quota
from app.reading import Reader
from app.schemas.requests import LabelCreate
from app.settings import Settings
from app.signing import Signing
from app.tables import LabelRow, TreeHead
from app.tail import Tail
from remarque.answers import LabelRecord
from remarque.codec import to_json
from remarque.errors import InvalidLabelRequest, NotAPicture, NotFound
from remarque.fingerprints import Fingerprints, Limits, fingerprint
from remarque.fingerprints.packing import pack_regions
from remarque.labels.binding import soft_binding_value
from remarque.labels.request import LabelRequest
from remarque.labels.signer import Certificate
from remarque.labels.stamp import OnInvalid, Prepared, Stamped, finish, prepare
from remarque.labels.vocabulary import LABEL_TYPES
from remarque.preferences import DEFAULT_PREFERENCES, parse_preferences, write_preferences

__all__ = ["LABEL_TYPES", "Labelled", "Labeller", "read_label"]

#: A manifest that did not verify was in the picture and was dropped, as the caller asked.
REPLACED_INVALID = "replaced_invalid_manifest"
#: Said of a label whose picture could not be fingerprinted: a copy that lost its metadata will not be found.
NOT_RECOVERABLE = "not_recoverable"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label that is on record: its id, the labelled file, and what the caller should know, as codes."""

    id: str
    stamped: Stamped
    warnings: list[str]


class Labeller:
    """Writes labels and keeps what is needed to find them again."""

    def __init__(
        self, settings: Settings, database: Database, signing: Signing, reader: Reader, logbook: Logbook
    ) -> None:
        self._settings = settings
        self._database = database
        self._signing = signing
        self._reader = reader
        self._logbook = logbook

    def label(self, caller: Caller, data: bytes, wish: LabelCreate) -> Labelled:
        """Label a picture. Returns once the record is committed.

        Raises PictureError, InvalidLabelRequest, InvalidManifestPresent, TooManyRequests beyond the key's quota,
        SigningUnavailable, Busy.
        """
        request = self._request(wish)
        with self._database.reading() as session:
            require_quota(session, caller)
        key, time_stamps = self._signing.current(), self._signing.time_stamps
        prepared, prints = self._reader.run(
            _prepare,
            data,
            request,
            key.certificate,
            wish.on_invalid,
            self._signing.trust_anchors,
            wish.keep_metadata,
            time_stamps is not None,
        )
        signature = key.signature(prepared.to_be_signed)
        token = None if time_stamps is None else time_stamps.token(prepared.to_be_time_stamped(signature))
        stamped = finish(prepared, signature, token)
        warnings = [
            *([REPLACED_INVALID] if stamped.replaced_invalid else []),
            *([] if _tells(prints) else [NOT_RECOVERABLE]),
            *stamped.warnings,
        ]

        opening = {
            "id": request.id,
            "sha256": stamped.sha256,
            "manifest_id": stamped.manifest_id,
            "signer": key.certificate.thumbprint,
            **_kept(prints),
        }

        def unit(session: Session, tail: Tail) -> None:
            count_label(session, caller, tail.now)
            log_signer(session, tail, self._logbook.publisher.keys, key.certificate.thumbprint)
            index = tail.append(
                "label",
                opening=opening,
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
                    warnings=warnings,
                    digest_in=hashlib.sha256(data).digest(),
                    digest_out=bytes.fromhex(stamped.sha256),
                    manifest=stamped.manifest,
                    manifest_id=stamped.manifest_id,
                    signer=key.certificate.thumbprint,
                    created_at=request.created_at,
                )
            )

        self._logbook.transact(unit)
        return Labelled(request.id, stamped, warnings)

    def _request(self, wish: LabelCreate) -> LabelRequest:
        if wish.watermark:
            raise InvalidLabelRequest("This service writes no watermark: none that was measured survives a crop.")
        if "cn" in wish.profiles and self._settings.cn_producer is None:
            raise InvalidLabelRequest(
                "The profile cn names the producer by its registered code, and this service has none configured."
            )
        return LabelRequest(
            id=str(uuid.uuid4()),
            created_at=wish.created_at or datetime.now(UTC),
            preferences={**DEFAULT_PREFERENCES, **wish.preferences},
            profiles=tuple(wish.profiles),
            cn_producer=self._settings.cn_producer if wish.profiles else None,
            **wish.model_dump(
                include={
                    "system",
                    "system_version",
                    "provider",
                    "digital_source_type",
                    "constraint",
                    "prompt",
                }
            ),
        )


def _prepare(
    data: bytes,
    limits: Limits,
    request: LabelRequest,
    certificate: Certificate,
    on_invalid: OnInvalid,
    trust_anchors: bytes,
    keep_metadata: bool,
    room_for_time_stamp: bool,
) -> tuple[Prepared, Fingerprints | None]:
    """What is done with a stranger's bytes: fingerprints, decoding once, and a file that lacks only its signature."""
    try:
        prints = fingerprint(data, limits, interop=False, iscc=True)
    except NotAPicture:
        prints = None  # no raster, as SVG; what is no carrier of labels either is refused below
    prepared = prepare(
        data,
        request,
        certificate,
        on_invalid=on_invalid,
        trust_anchors=trust_anchors,
        soft_binding=soft_binding_value(prints.iscc) if prints and prints.iscc and _tells(prints) else None,
        keep_metadata=keep_metadata,
        room_for_time_stamp=room_for_time_stamp,
    )
    return prepared, prints


def _tells(prints: Fingerprints | None) -> bool:
    """Whether the picture holds enough to be recognised by."""
    return prints is not None and bool(prints.frames.counts.any())


def _kept(prints: Fingerprints | None) -> dict[str, Any]:
    """The fingerprints by which a copy without metadata is found, as the opening holds them."""
    if prints is None or not _tells(prints):
        return {"fingerprints": []}
    regions = {} if prints.regions is None else {"regions": pack_regions(prints.regions)}
    items = [to_json(item) for item in replace(prints, regions=None).to_items()]
    return {
        "fingerprints": [{name: value for name, value in item.items() if value is not None} for item in items],
        **regions,
    }


def read_label(session: Session, label_id: str, *, base_url: str) -> LabelRecord:
    """Return the public record of a label. Raises NotFound."""
    with closing(session):  # the answer is checked in a thread that may have to be waited for: not with a connection
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
        warnings=row.warnings,
        sha256=row.digest_out.hex(),
        signer=row.signer,
        log=log_position(row.idx, head),
        page_url=label_page(base_url, row.id),
        manifest_url=manifest_address(base_url, row.manifest_id),
    )
