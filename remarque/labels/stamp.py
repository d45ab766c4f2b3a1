"""Labelling a picture: XMP first, C2PA last, because anything written after the signature breaks it.

The container is edited; the coded picture is never touched, so that what is seen stays what it was.

It goes in three steps. ``prepare`` does everything that looks into the picture, which a stranger may have made, and
needs no key; whoever holds the key signs ``to_be_signed``; ``finish`` puts the signature, and a time-stamp, where room
was kept for them. ``stamp`` does all three at once.
"""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Literal

from PIL import Image

from remarque.errors import InvalidLabelRequest, InvalidManifestPresent, NotAPicture, SigningUnavailable, Undecodable
from remarque.labels import cose, manifest, softbinding, splice, tooldata, xmp
from remarque.labels.carriers import WRITABLE, png, tiff
from remarque.labels.fields import implicit_label, xmp_fields
from remarque.labels.formats import sniff_label
from remarque.labels.jumbf import active_manifest_id
from remarque.labels.reading import State, read_store
from remarque.labels.request import LabelRequest
from remarque.labels.signatures import in_cose_form
from remarque.labels.signer import Certificate, SigningKey
from remarque.labels.timestamps import TimeStamps

__all__ = ["LabelRequest", "OnInvalid", "Prepared", "Stamped", "finish", "prepare", "prove_signer", "stamp"]

OnInvalid = Literal["refuse", "replace"]

#: A label that was to have a time-stamp has none; ``Stamped.warnings``.
NO_TIME_STAMP = "no_time_stamp"
_FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF, SVG and JPEG XL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A picture with everything but the signature, which is to be made over ``to_be_signed``.

    ``manifest`` holds a signature that means nothing, as its last ``tail_size`` bytes. ``data`` has room for the store
    at ``places``; what stands there is overwritten when it is finished. The rest is as in Stamped.
    """

    data: bytes = field(repr=False)
    mime: str
    manifest: bytes = field(repr=False)
    to_be_signed: bytes = field(repr=False)
    certificate: Certificate
    places: tuple[splice.Fragment, ...] = field(repr=False)
    tail_size: int
    room_for_time_stamp: bool
    manifest_id: str
    layers: tuple[str, ...]
    digital_source_type: str
    replaced_invalid: bool
    kept_parent: bool

    def to_be_time_stamped(self, signature: bytes) -> bytes:
        """What the time-stamp of this signature, in COSE form (``SigningKey.signature``), has to be over."""
        return cose.to_be_time_stamped(self.to_be_signed, signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A labelled picture.

    ``data``: the file, in the format it came in; ``manifest``: its C2PA manifest store, and ``manifest_id`` the URN of
    the active one; ``sha256``: of ``data``, hex; ``layers``: what was written, in order; ``digital_source_type``: what
    the label states; ``replaced_invalid``: a manifest that did not verify was dropped; ``kept_parent``: a valid one
    became the parent; ``warnings``: codes of what is missing, of which there is ``no_time_stamp``.
    """

    data: bytes = field(repr=False)
    mime: str
    manifest: bytes = field(repr=False)
    manifest_id: str
    sha256: str
    layers: list[str]
    digital_source_type: str
    replaced_invalid: bool
    kept_parent: bool
    warnings: list[str]


def stamp(
    data: bytes,
    request: LabelRequest,
    key: SigningKey,
    *,
    on_invalid: OnInvalid = "refuse",
    trust_anchors: bytes = b"",
    soft_binding: str | None = None,
    keep_metadata: bool = True,
    time_stamps: TimeStamps | None = None,
) -> Stamped:
    """Prepare, sign and finish in this process. Raises as they do."""
    prepared = prepare(
        data,
        request,
        key.certificate,
        on_invalid=on_invalid,
        trust_anchors=trust_anchors,
        soft_binding=soft_binding,
        keep_metadata=keep_metadata,
        room_for_time_stamp=time_stamps is not None,
    )
    signature = key.signature(prepared.to_be_signed)
    token = None if time_stamps is None else time_stamps.token(prepared.to_be_time_stamped(signature))
    return finish(prepared, signature, token)


def prepare(
    data: bytes,
    request: LabelRequest,
    certificate: Certificate,
    *,
    on_invalid: OnInvalid = "refuse",
    trust_anchors: bytes = b"",
    soft_binding: str | None = None,
    keep_metadata: bool = True,
    room_for_time_stamp: bool = False,
) -> Prepared:
    """Do everything but sign: a picture of one of the formats in ``carriers.WRITABLE`` gets its label.

    ``trust_anchors`` (PEM) judge the signer of a manifest that is there already; ``soft_binding`` is base64 of an
    ISCC-SEQ (``binding.soft_binding_value``); without ``keep_metadata`` tool data goes (``tooldata.strip``).
    Raises NotAPicture for other formats and for a TIFF of several pages, Undecodable for a broken container,
    InvalidManifestPresent for a manifest that does not verify unless ``on_invalid`` is ``replace``, InvalidLabelRequest
    if the text does not fit, SigningUnavailable if the certificate cannot be used.
    """
    mime = sniff_label(data)
    if mime not in WRITABLE:
        raise NotAPicture(f"Labels are written into {_FORMATS}; this is another kind of picture.")
    if mime == "image/tiff" and tiff.has_several_pages(data):
        # The C2PA library would hang its manifest into a page of its own, without a picture (seen with c2pa-rs 0.91.3).
        raise NotAPicture("A TIFF of several pages cannot be labelled; save its pages as files of their own.")
    # The manifest is judged, and becomes the parent, as it came: removing anything from the file would break it.
    state = _state(data, mime, trust_anchors)
    if state == "invalid" and on_invalid != "replace":
        raise InvalidManifestPresent(
            "The picture carries a C2PA manifest that does not verify. Ask for replacement to drop it."
        )
    edited = state in ("trusted", "valid")
    written, store = manifest.put_manifest(
        _with_fields(data if keep_metadata else tooldata.strip(data, mime), mime, request, edited=edited),
        mime,
        manifest.definition(request, edited=edited, soft_binding=soft_binding),
        certificate,
        parent=data if edited else None,
        trust_anchors=trust_anchors,
        room_for_time_stamp=room_for_time_stamp,
    )
    places = splice.fragments(written, mime, store)
    if soft_binding is not None:
        store = softbinding.with_bytes(store, soft_binding)
    to_be_signed, tail_size = cose.to_be_signed(store)
    return Prepared(
        data=written,
        mime=mime,
        manifest=store,
        to_be_signed=to_be_signed,
        certificate=certificate,
        places=places,
        tail_size=tail_size,
        room_for_time_stamp=room_for_time_stamp,
        manifest_id=active_manifest_id(store),
        layers=("xmp", *request.profiles, "c2pa", *(("iscc",) if soft_binding is not None else ())),
        digital_source_type=manifest.stated_type(request, edited=edited),
        replaced_invalid=state == "invalid",
        kept_parent=edited,
    )


def finish(prepared: Prepared, signature: bytes, time_stamp: bytes | None = None) -> Stamped:
    """Put the signature in its place, and the time-stamp token where room was kept for one. Looks into no picture.

    Without a token that is about this signature and fits, the label is finished and ``warnings`` says so.
    Raises SigningUnavailable if the signature is not one of the certificate over ``to_be_signed``.
    """
    signature = in_cose_form(prepared.certificate.public_key, prepared.to_be_signed, signature)
    tail, layers, warnings = None, list(prepared.layers), []
    if prepared.room_for_time_stamp:
        imprint = hashlib.sha256(prepared.to_be_time_stamped(signature)).digest()
        if time_stamp is not None and imprint in time_stamp:
            tail = cose.tail(prepared.tail_size, signature, time_stamp)
        if tail is None:
            warnings.append(NO_TIME_STAMP)
        else:
            layers.append("time_stamp")
    tail = tail or cose.tail(prepared.tail_size, signature)
    if tail is None:
        raise SigningUnavailable("the signature is longer than the certificate promised")
    store = prepared.manifest[: -prepared.tail_size] + tail
    data = splice.replaced(prepared.data, prepared.places, store)
    return Stamped(
        data=data,
        mime=prepared.mime,
        manifest=store,
        manifest_id=prepared.manifest_id,
        sha256=hashlib.sha256(data).hexdigest(),
        layers=layers,
        digital_source_type=prepared.digital_source_type,
        replaced_invalid=prepared.replaced_invalid,
        kept_parent=prepared.kept_parent,
        warnings=warnings,
    )


def prove_signer(key: SigningKey) -> None:
    """Label a drawn picture and read it back. Raises SigningUnavailable if the label does not hold.

    Meant for start-up: a key that makes labels which do not verify is found out here and not by those who verify.
    """
    drawn = BytesIO()
    Image.linear_gradient("L").save(drawn, "PNG")
    request = LabelRequest(id=str(uuid.uuid4()), system="Remarque self-test", created_at=datetime.now(UTC))
    try:
        labelled = stamp(drawn.getvalue(), request, key)
    except (Undecodable, InvalidLabelRequest) as error:
        raise SigningUnavailable("the self-test label could not be written") from error
    store = read_store(labelled.data, "image/png", trust_anchors=key.certificate.chain_pem)
    if store.state not in ("trusted", "valid"):
        raise SigningUnavailable("labels signed with this key do not verify: check the key and its certificates")


def _state(data: bytes, mime: str, trust_anchors: bytes) -> State:
    """What is there already.

    The library reads all of a PNG to say that no manifest is in it, a seventh of what a label costs; its chunks say it
    as well.
    """
    if mime == "image/png" and not png.has_manifest(data):
        return "absent"
    return read_store(data, mime, trust_anchors=trust_anchors).state


def _with_fields(data: bytes, mime: str, request: LabelRequest, *, edited: bool) -> bytes:
    """The picture with its XMP, and for China with the PNG text that readers there look for."""
    carrier = WRITABLE[mime]
    fields = xmp_fields(request, manifest.stated_type(request, edited=edited))
    data = carrier.write_xmp(data, xmp.write(fields, carrier.read_xmp(data)))
    if "cn" in request.profiles and mime == "image/png":
        data = png.write_text(data, xmp.AIGC.local, implicit_label(request, ascii_only=True))
    return data
