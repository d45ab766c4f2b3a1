"""C2PA manifests: what a label says in one, and putting one into a picture that still lacks its signature.

The definition follows C2PA 2.4 and the conformance rubric of the same version: claim version 2; every assertion is
*created* (attributed to the signer, who is the generator's operator) and all actions are included; a new picture
begins with ``c2pa.created``, an edited one with ``c2pa.opened`` of its one parent and ``c2pa.edited``. Nothing that a
caller writes gets in but the checked text of a LabelRequest.
"""

from io import BytesIO
from typing import Any

from remarque import __version__
from remarque.errors import SigningUnavailable, Undecodable
from remarque.labels import softbinding
from remarque.labels.contexts import c2pa, signing_context
from remarque.labels.embedding import can_embed, embed_in_png
from remarque.labels.fields import json_ld, xmp_fields
from remarque.labels.request import LabelRequest
from remarque.labels.signer import Certificate
from remarque.labels.vocabulary import CAWG_ENTRIES, CAWG_USES, COMPOSITE, source_type_uri

_SPECIFICATION = "2.4.0"
_PARENT = "parent"
#: What is known of a model is that it is one; C2PA 2.4, "AI disclosure", names kinds that are more particular.
_MODEL = "c2pa.types.model"
#: IPTC: made by an algorithm that was not trained on anything. No model to disclose.
_WITHOUT_MODEL = "algorithmicMedia"


def stated_type(request: LabelRequest, *, edited: bool) -> str:
    """The source type that the label states: what was made from a labelled picture is composite."""
    return COMPOSITE if edited else request.digital_source_type


def definition(request: LabelRequest, *, edited: bool, soft_binding: str | None = None) -> dict[str, Any]:
    """Return the manifest definition as the C2PA library takes it. ``soft_binding``: base64 of an ISCC-SEQ."""
    source_type = stated_type(request, edited=edited)
    agent = {"name": request.system}
    if request.system_version is not None:
        agent["version"] = request.system_version
    made = {
        "action": "c2pa.edited" if edited else "c2pa.created",
        "digitalSourceType": source_type_uri(source_type),
        "when": request.when,
        "softwareAgent": agent,
    }
    opened = {"action": "c2pa.opened", "when": request.when, "parameters": {"ingredientIds": [_PARENT]}}
    assertions = [
        _created("c2pa.actions.v2", {"allActionsIncluded": True, "actions": [opened, made] if edited else [made]})
    ]
    if request.digital_source_type != _WITHOUT_MODEL:
        assertions.append(_created("c2pa.ai-disclosure", _disclosure(request)))
    if entries := _training_mining(request):
        assertions.append(_created("cawg.training-mining", {"entries": entries}))
    assertions.append(_created("cawg.metadata", json_ld(xmp_fields(request, source_type))))
    if soft_binding is not None:
        assertions.append(_created(softbinding.LABEL, softbinding.assertion(soft_binding)))
    generator = {"name": "Remarque", "version": __version__, "specVersion": _SPECIFICATION}
    return {"claim_version": 2, "claim_generator_info": [generator], "assertions": assertions}


def put_manifest(
    data: bytes,
    mime: str,
    said: dict[str, Any],
    certificate: Certificate,
    *,
    parent: bytes | None = None,
    trust_anchors: bytes = b"",
    room_for_time_stamp: bool = False,
) -> tuple[bytes, bytes]:
    """Return the picture with a manifest whose signature means nothing yet, and the manifest store.

    ``parent`` is the picture as it was received, where that carries a valid manifest. Raises SigningUnavailable if the
    certificate cannot be used (any more), NotReady if the anchors are no certificates, Undecodable if the picture
    cannot carry a manifest.
    """
    context = signing_context(certificate, trust_anchors, room_for_time_stamp=room_for_time_stamp)
    written = BytesIO()
    try:
        if parent is None and can_embed(data, mime):
            embedded = embed_in_png(data, said, certificate, room_for_time_stamp=room_for_time_stamp)
            if embedded is not None:
                return embedded
        with c2pa.Builder(said, context=context) as builder:
            if parent is not None:
                ingredient = {"title": "The picture before", "relationship": "parentOf", "label": _PARENT}
                builder.add_ingredient(ingredient, mime, BytesIO(parent))
            store: bytes = builder.sign(mime, BytesIO(data), written)
    except (c2pa.C2paError.Signature, c2pa.C2paError.Verify) as error:
        raise SigningUnavailable("the signing certificate was refused when signing") from error
    except c2pa.C2paError as error:
        raise Undecodable("no manifest can be written into this picture: its container is not well formed") from error
    return written.getvalue(), store


def _created(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "created": True, "data": data}


def _disclosure(request: LabelRequest) -> dict[str, Any]:
    """What is known of the model and of the human's part (C2PA 2.4, "AI disclosure"): that a prompt guided it."""
    said: dict[str, Any] = {"modelType": _MODEL, "modelName": request.system_with_version}
    if request.prompt is not None:
        said["contentProfile"] = {"humanOversightLevel": "prompt_guided"}
    return said


def _training_mining(request: LabelRequest) -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for category, preference in request.preferences.items():
        if use := CAWG_USES.get(preference):
            entries[CAWG_ENTRIES[category]] = {"use": use}
            if use == "constrained" and request.constraint is not None:
                entries[CAWG_ENTRIES[category]]["constraint_info"] = request.constraint
    return entries
