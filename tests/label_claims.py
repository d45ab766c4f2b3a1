"""Manifests that others sign, honest or not: anything at all, with the C2PA library itself and a development key."""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from remarque.labels.contexts import c2pa
from remarque.labels.signer import make_development_pki
from tests.label_pictures import drawn

TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAPTURE, TRAINED = TYPES + "digitalCapture", TYPES + "trainedAlgorithmicMedia"
JPEG = drawn("jpeg").data


class Signer(NamedTuple):
    """A certificate chain, its key and its root, PEM."""

    chain: bytes
    key: bytes
    root: bytes


class Used(NamedTuple):
    """A picture that another was made from."""

    data: bytes
    relationship: str = "parentOf"
    title: str = "what was before"


@cache
def signer(number: int) -> Signer:
    """A signer; each ``number`` has its own root."""
    with TemporaryDirectory() as folder:
        make_development_pki(Path(folder))
        return Signer(*(Path(folder, name).read_bytes() for name in ("chain.pem", "key.pem", "root.pem")))


def created(source_type: str, **more: Any) -> dict[str, Any]:
    """The assertion of a new picture."""
    action = {"action": "c2pa.created", "digitalSourceType": source_type, **more}
    return assertion("c2pa.actions.v2", allActionsIncluded=True, actions=[action])


def assertion(label: str, **data: Any) -> dict[str, Any]:
    """An assertion that its signer answers for."""
    return {"label": label, "created": True, "data": data}


def signed(
    *assertions: dict[str, Any],
    source_type: str | None = None,
    by: Signer | None = None,
    data: bytes = JPEG,
    used: Sequence[Used] = (),
    trusting: bytes = b"",
    **definition: Any,
) -> bytes:
    """The JPEG with a manifest of these assertions, and of a ``c2pa.created`` or ``c2pa.opened`` where none is given.

    ``trusting``: the anchors by which the editor judges what it used.
    """
    made = list(assertions)
    if source_type is not None:
        made.append(created(source_type))
    if any(one.relationship == "parentOf" for one in used):
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["0"]}}
        made.append(assertion("c2pa.actions.v2", allActionsIncluded=True, actions=[opened]))
    elif not any(one["label"].startswith("c2pa.actions") for one in made):
        made.append(created("http://c2pa.org/digitalsourcetype/empty"))
    by, out = by or signer(0), io.BytesIO()
    written = {"claim_version": 2, "claim_generator_info": [{"name": "A test"}], "assertions": made, **definition}
    settings: dict[str, Any] = {
        "version": 1,
        "trust": {"trust_anchors": trusting.decode()} if trusting else {},
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    key = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", by.chain, by.key, None))
    with c2pa.Builder(written, context=c2pa.Context.from_dict(settings, signer=key)) as builder:
        for number, one in enumerate(used):
            said = {"title": one.title, "relationship": one.relationship, "label": str(number)}
            builder.add_ingredient(said, "image/jpeg", io.BytesIO(one.data))
        builder.sign("image/jpeg", io.BytesIO(data), out)
    return out.getvalue()
