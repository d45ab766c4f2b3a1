"""What a label says in plain fields: XMP, the same inside the manifest (cawg.metadata), and China's implicit label."""

import json

from remarque.labels import xmp
from remarque.labels.request import LabelRequest
from remarque.labels.vocabulary import source_type_uri

Fields = dict[xmp.Name, str]


def xmp_fields(request: LabelRequest, source_type: str) -> Fields:
    """The XMP properties of a label that states this source type."""
    optional = {
        xmp.AI_SYSTEM_VERSION_USED: request.system_version,
        xmp.CREDIT: request.provider,
        xmp.AI_PROMPT_INFORMATION: request.prompt,
        xmp.AIGC: implicit_label(request) if "cn" in request.profiles else None,
    }
    return {
        xmp.DIGITAL_SOURCE_TYPE: source_type_uri(source_type),
        xmp.AI_SYSTEM_USED: request.system,
        xmp.CREATOR_TOOL: request.system_with_version,
        xmp.CREATE_DATE: request.when,
        xmp.DOCUMENT_ID: request.urn,
        **{name: text for name, text in optional.items() if text is not None},
    }


def json_ld(fields: Fields) -> dict[str, object]:
    """The same fields as JSON-LD, with the prefixes that they use (CAWG metadata assertion 1.1).

    China's label is left out: it stands where its standard says, and repeats what is here. So is the prompt: manifests
    are kept, and fetched by whoever finds a picture again, while a prompt is in the file alone.
    """
    kept = {name: text for name, text in fields.items() if name not in (xmp.AIGC, xmp.AI_PROMPT_INFORMATION)}
    context = {xmp.PREFIXES[name.namespace]: name.namespace for name in kept}
    return {"@context": context, **{f"{xmp.PREFIXES[name.namespace]}:{name.local}": kept[name] for name in kept}}


def implicit_label(request: LabelRequest, *, ascii_only: bool = False) -> str:
    """The implicit label of GB 45438-2025 as JSON; what the distributing platform fills in stays empty."""
    said = {
        "Label": "1",
        "ContentProducer": request.cn_producer,
        "ProduceID": request.id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps(said, ensure_ascii=ascii_only, separators=(",", ":"))
