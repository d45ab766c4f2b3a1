"""Labelling a picture: XMP first, C2PA last, because anything written after the signature breaks it.

The container is edited; the coded picture is never touched, so that what is seen stays what it was.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from remarque.errors import InvalidManifestPresent, NotAPicture
from remarque.fingerprints.decode import sniff
from remarque.labels import manifest, xmp
from remarque.labels.carriers import WRITABLE, tiff
from remarque.labels.reading import read_store
from remarque.labels.request import LabelRequest
from remarque.labels.signer import SigningKey
from remarque.labels.vocabulary import source_type_uri

__all__ = ["LabelRequest", "OnInvalid", "Stamped", "stamp"]

OnInvalid = Literal["refuse", "replace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A labelled picture.

    ``data``: the file, in the format it came in; ``manifest``: its C2PA manifest store; ``sha256``: of ``data``, hex;
    ``layers``: what was written, in order; ``digital_source_type``: what the label states; ``replaced_invalid``: a
    manifest that did not verify was dropped; ``kept_parent``: a valid one became the parent.
    """

    data: bytes
    mime: str
    manifest: bytes
    sha256: str
    layers: list[str]
    digital_source_type: str
    replaced_invalid: bool
    kept_parent: bool


def stamp(
    data: bytes,
    request: LabelRequest,
    key: SigningKey,
    *,
    on_invalid: OnInvalid = "refuse",
    trust_anchors: bytes = b"",
) -> Stamped:
    """Label a JPEG, PNG, WebP, AVIF or TIFF.

    ``trust_anchors`` (PEM) judge the signer of a manifest that is there already. Raises NotAPicture for other formats
    and for a TIFF of several pages, Undecodable for a broken container, InvalidManifestPresent for a manifest that does
    not verify unless ``on_invalid`` is ``replace``, InvalidLabelRequest if the text does not fit, SigningUnavailable if
    the key cannot sign.
    """
    mime = sniff(data)
    if mime not in WRITABLE:
        raise NotAPicture("Labels are written into JPEG, PNG, WebP, AVIF and TIFF; this is another kind of picture.")
    if mime == "image/tiff" and tiff.has_several_pages(data):
        # The C2PA library would hang its manifest into a page of its own, without a picture (seen with c2pa-rs 0.91.3).
        raise NotAPicture("A TIFF of several pages cannot be labelled; save its pages as files of their own.")
    state = read_store(data, mime, trust_anchors=trust_anchors).state
    if state == "invalid" and on_invalid != "replace":
        raise InvalidManifestPresent(
            "The picture carries a C2PA manifest that does not verify. Ask for replacement to drop it."
        )
    edited = state in ("trusted", "valid")
    carrier = WRITABLE[mime]
    packet = xmp.write(_properties(request, edited=edited), carrier.read_xmp(data))
    labelled, store = manifest.sign(
        carrier.write_xmp(data, packet),
        mime,
        request,
        key,
        parent=data if edited else None,
        trust_anchors=trust_anchors,
    )
    return Stamped(
        data=labelled,
        mime=mime,
        manifest=store,
        sha256=hashlib.sha256(labelled).hexdigest(),
        layers=["xmp", *request.profiles, "c2pa"],
        digital_source_type=manifest.stated_type(request, edited=edited),
        replaced_invalid=state == "invalid",
        kept_parent=edited,
    )


def _properties(request: LabelRequest, *, edited: bool) -> dict[xmp.Name, str]:
    optional = {
        xmp.AI_SYSTEM_VERSION_USED: request.system_version,
        xmp.CREDIT: request.provider,
        xmp.AI_PROMPT_INFORMATION: request.prompt,
        xmp.AIGC: _aigc(request) if "cn" in request.profiles else None,
    }
    return {
        xmp.DIGITAL_SOURCE_TYPE: source_type_uri(manifest.stated_type(request, edited=edited)),
        xmp.AI_SYSTEM_USED: request.system,
        xmp.CREATOR_TOOL: " ".join(filter(None, (request.system, request.system_version))),
        xmp.CREATE_DATE: request.when,
        xmp.DOCUMENT_ID: request.urn,
        **{name: text for name, text in optional.items() if text is not None},
    }


def _aigc(request: LabelRequest) -> str:
    """The implicit label of GB 45438-2025; what the distributing platform fills in stays empty."""
    fields = {
        "Label": "1",
        "ContentProducer": request.provider,
        "ProduceID": request.id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
