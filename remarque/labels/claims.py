"""What a manifest claims, picked out of the C2PA library's report: data of whoever wrote it, never to be believed.

Only fields that say how a picture was made are taken, by name: a manifest may hold names of persons and prompts, which
are counted or said to be there, and not repeated.
"""

from typing import Any

from remarque.labels.history import Json, Step, mapping, sequence, text

_TRAINING = ("cawg.training-mining", "c2pa.training-mining")
_METADATA = ("cawg.metadata", "c2pa.metadata")
#: Fields of metadata assertions that are shown, by local name. Of the prompt only the presence is said.
_PROMPT = "AIPromptInformation"
_FIELDS = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed", "CreatorTool", "CreateDate", "DocumentID")
#: Fields of `c2pa.ai-disclosure` (C2PA 2.4, 18.28).
_DISCLOSED = ("modelType", "modelName", "modelIdentifier", "scientificDomain")
#: Enough to recognise a value; whoever wants to look it up takes it from the manifest.
_BINDING_LENGTH = 100


def claims(manifest: Json) -> Json:
    """What a manifest says about how the picture was made, by whatever name."""
    return {
        "generator": [_generator(one) for one in sequence(manifest.get("claim_generator_info"))]
        or [text(manifest.get("claim_generator"))],
        "title": text(manifest.get("title")),
        "actions": [_action(one) for one in _actions(manifest)],
        "ingredients": len(sequence(manifest.get("ingredients"))),
        "training_mining": _training_mining(manifest),
        "ai_disclosure": [_disclosure(data) for data in _assertions(manifest, "c2pa.ai-disclosure")],
        "metadata": [_metadata(data) for label in _METADATA for data in _assertions(manifest, label)],
    }


def soft_bindings(manifest: Json) -> list[Json]:
    """The algorithm of each soft binding, and the beginning of each of its values."""
    return [
        {"alg": text(data.get("alg")), "value": text(mapping(block).get("value"))[:_BINDING_LENGTH]}
        for data in _assertions(manifest, "c2pa.soft-binding")
        for block in sequence(data.get("blocks"))
    ]


def systems(manifest: Json) -> list[str]:
    """The names under which a manifest speaks of the software that made the picture, without versions."""
    agents = [action.get("softwareAgent") for action in _actions(manifest)]
    names = [agent if isinstance(agent, str) else text(mapping(agent).get("name")) for agent in agents]
    names += [text(data.get("modelName")) for data in _assertions(manifest, "c2pa.ai-disclosure")]
    for label in _METADATA:
        for data in _assertions(manifest, label):
            names += [text(value) for key, value in data.items() if _local(key) == "AISystemUsed"]
    return list(dict.fromkeys(filter(None, names)))


def history(steps: tuple[Step, ...]) -> list[Json]:
    """What the picture was made from, nearest first."""
    return [
        {
            "depth": step.depth,
            "title": step.title,
            "relationship": step.relationship,
            "state": step.state,
            "signer": step.signer,
            "digital_source_types": list(step.source_types),
            "failures": list(step.failures),
            "manifest": step.manifest,
            "used_by": step.used_by,
        }
        for step in steps
    ]


def _assertions(manifest: Json, label: str) -> list[Json]:
    """The data of every assertion of that label; a second one is called ``label__1``."""
    listed = map(mapping, sequence(manifest.get("assertions")))
    return [mapping(one.get("data")) for one in listed if text(one.get("label")).split("__")[0] == label]


def _local(key: str) -> str:
    return key.rsplit(":", 1)[-1]


def _generator(value: Any) -> str:
    info = mapping(value)
    return " ".join(filter(None, (text(info.get("name")), text(info.get("version")))))


def _actions(manifest: Json) -> list[Json]:
    return [
        mapping(action)
        for label in ("c2pa.actions", "c2pa.actions.v2")
        for data in _assertions(manifest, label)
        for action in sequence(data.get("actions"))
    ]


def _action(action: Json) -> dict[str, str]:
    agent = action.get("softwareAgent")
    shown = {
        "action": text(action.get("action")),
        "digital_source_type": text(action.get("digitalSourceType")),
        "when": text(action.get("when")),
        "software_agent": agent if isinstance(agent, str) else _generator(agent),
    }
    return {name: value for name, value in shown.items() if value}


def _training_mining(manifest: Json) -> dict[str, str]:
    """The entries about AI training, raw: {entry: use}."""
    found: dict[str, str] = {}
    for label in _TRAINING:
        for data in _assertions(manifest, label):
            for entry, value in mapping(data.get("entries")).items():
                found[entry] = text(mapping(value).get("use"))
    return found


def _disclosure(data: Json) -> Json:
    shown = {name: text(data.get(name)) for name in _DISCLOSED}
    shown["humanOversightLevel"] = text(mapping(data.get("contentProfile")).get("humanOversightLevel"))
    return {name: value for name, value in shown.items() if value}


def _metadata(data: Json) -> Json:
    fields = {_local(key): value for key, value in data.items() if not key.startswith("@")}
    shown: Json = {name: _texts(fields[name]) for name in _FIELDS if name in fields}
    if _PROMPT in fields:
        shown[_PROMPT] = ["present"]
    if others := len(fields.keys() - shown.keys()):
        shown["other_fields"] = others
    return shown


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
