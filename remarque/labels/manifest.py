"""C2PA manifests: what a label says in one, and signing it into a picture.

The definition follows C2PA 2.4 and the conformance rubric of the same version: claim version 2; the actions are
*created* assertions (attributed to the signer, who is the generator's operator) and all are included; a new picture
begins with ``c2pa.created``, an edited one with ``c2pa.opened`` of its one parent and ``c2pa.edited``. Nothing that a
caller writes gets in but the checked text of a LabelRequest.
"""

import uuid
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from PIL import Image

from remarque import __version__
from remarque.errors import InvalidLabelRequest, SigningUnavailable, Undecodable
from remarque.labels.contexts import c2pa, signing_context
from remarque.labels.embedding import can_embed, sign_png
from remarque.labels.reading import read_store
from remarque.labels.request import LabelRequest
from remarque.labels.signer import SigningKey
from remarque.labels.vocabulary import CAWG_ENTRIES, CAWG_USES, COMPOSITE, source_type_uri

_SPECIFICATION = "2.4.0"
_PARENT = "parent"


def stated_type(request: LabelRequest, *, edited: bool) -> str:
    """The source type that the label states: what was made from a labelled picture is composite."""
    return COMPOSITE if edited else request.digital_source_type


def definition(request: LabelRequest, *, edited: bool) -> dict[str, Any]:
    """Return the manifest definition as the C2PA library takes it."""
    agent = {"name": request.system}
    if request.system_version is not None:
        agent["version"] = request.system_version
    made = {
        "action": "c2pa.edited" if edited else "c2pa.created",
        "digitalSourceType": source_type_uri(stated_type(request, edited=edited)),
        "when": request.when,
        "softwareAgent": agent,
    }
    opened = {"action": "c2pa.opened", "when": request.when, "parameters": {"ingredientIds": [_PARENT]}}
    assertions = [
        _created("c2pa.actions.v2", {"allActionsIncluded": True, "actions": [opened, made] if edited else [made]})
    ]
    if entries := _training_mining(request):
        assertions.append(_created("cawg.training-mining", {"entries": entries}))
    generator = {"name": "Remarque", "version": __version__, "specVersion": _SPECIFICATION}
    return {"claim_version": 2, "claim_generator_info": [generator], "assertions": assertions}


def sign(
    data: bytes,
    mime: str,
    request: LabelRequest,
    key: SigningKey,
    *,
    parent: bytes | None = None,
    trust_anchors: bytes = b"",
) -> tuple[bytes, bytes]:
    """Sign a label into the picture. Returns the labelled picture and the manifest store.

    ``parent`` is the picture as it was received, where that carries a valid manifest. Raises SigningUnavailable if the
    key cannot sign (any more), NotReady if the anchors are no certificates, Undecodable if the picture cannot carry a
    manifest.
    """
    said = definition(request, edited=parent is not None)
    context = signing_context(key, trust_anchors)
    labelled = BytesIO()
    try:
        if parent is None and can_embed(data, mime) and (embedded := sign_png(data, said, key)):
            return embedded
        with c2pa.Builder(said, context=context) as builder:
            if parent is not None:
                ingredient = {"title": "The picture before", "relationship": "parentOf", "label": _PARENT}
                builder.add_ingredient(ingredient, mime, BytesIO(parent))
            store: bytes = builder.sign(mime, BytesIO(data), labelled)
    except (c2pa.C2paError.Signature, c2pa.C2paError.Verify) as error:
        raise SigningUnavailable("the signing certificate or its key was refused when signing") from error
    except c2pa.C2paError as error:
        raise Undecodable("no manifest can be written into this picture: its container is not well formed") from error
    return labelled.getvalue(), store


def prove_signer(key: SigningKey) -> None:
    """Sign a drawn picture and verify it. Raises SigningUnavailable if the label does not hold.

    Meant for start-up: a label that is signed with an unusable key is found out here and not by those who verify.
    """
    drawn = BytesIO()
    Image.linear_gradient("L").save(drawn, "PNG")
    request = LabelRequest(id=str(uuid.uuid4()), system="Remarque self-test", created_at=datetime.now(UTC))
    try:
        labelled, _ = sign(drawn.getvalue(), "image/png", request, key)
    except (Undecodable, InvalidLabelRequest) as error:
        raise SigningUnavailable("the self-test label could not be written") from error
    if read_store(labelled, "image/png", trust_anchors=key.chain_pem).state not in ("trusted", "valid"):
        raise SigningUnavailable("labels signed with this key do not verify: check the key and its certificates")


def _created(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "created": True, "data": data}


def _training_mining(request: LabelRequest) -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for category, preference in request.preferences.items():
        if use := CAWG_USES.get(preference):
            entries[CAWG_ENTRIES[category]] = {"use": use}
            if use == "constrained" and request.constraint is not None:
                entries[CAWG_ENTRIES[category]]["constraint_info"] = request.constraint
    return entries
