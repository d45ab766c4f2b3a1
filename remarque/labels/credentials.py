"""The C2PA layer of an answer: state, failures in words, and what the manifest claims, marked as claims."""

from typing import Any

from remarque.answers import Layer
from remarque.labels.hints import bounded
from remarque.labels.reading import Json, Store, mapping, sequence, text
from remarque.labels.vocabulary import Statement

_SAYS = {
    "trusted": "intact, signed by a signer that is trusted here",
    "valid": "intact, signed by a signer that nobody vouches for here",
    "invalid": "does not verify",
    "remote": "kept somewhere else; it was not fetched",
}
#: C2PA status codes (C2PA 2.4, "Validation results") in words; a code that is not here is shown as it is.
_FAILURES = {
    "assertion.dataHash.mismatch": "the picture was changed after it was signed",
    "assertion.bmffHash.mismatch": "the picture was changed after it was signed",
    "assertion.boxesHash.mismatch": "the picture was changed after it was signed",
    "assertion.hashedURI.mismatch": "a statement in the manifest was changed after it was signed",
    "assertion.missing": "a statement of the manifest is missing",
    "assertion.action.malformed": "the list of actions is not well formed",
    "claim.malformed": "the claim is not well formed",
    "claim.missing": "the claim is missing",
    "claimSignature.mismatch": "the signature does not fit the claim",
    "claimSignature.missing": "the signature is missing",
    "claimSignature.outsideValidity": "the certificate was not valid when the claim was signed",
    "ingredient.manifest.missing": "the manifest of a picture that it was made from is missing",
    "ingredient.claimSignature.mismatch": "a picture that it was made from carries a signature that does not fit",
    "signingCredential.untrusted": "the signer is on no trust list that is used here",
    "signingCredential.invalid": "the signer's certificate may not sign claims",
    "signingCredential.expired": "the signer's certificate has expired, and no trusted time-stamp shows when it signed",
    "signingCredential.revoked": "the signer's certificate was revoked",
    "timeStamp.mismatch": "the time-stamp does not fit the signature",
    "unreadable": "the manifest cannot be read",
}
_TRAINING = ("cawg.training-mining", "c2pa.training-mining")


def credentials_layer(store: Store) -> Layer:
    """Return the layer of a store that is there (or said to be elsewhere)."""
    says = _SAYS[store.state]
    if store.source_types:
        says += f"; says {', '.join(store.source_types[:5])}"
    elif store.state in ("trusted", "valid"):
        says += "; says nothing about AI"
    return Layer(layer="c2pa", state=store.state, says=bounded(says), detail=bounded(_detail(store)))


def _detail(store: Store) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "passed": list(store.passed),
        "failures": [{"code": code, "means": _FAILURES.get(code, "this check failed")} for code in store.failures],
    }
    manifest = store.active
    if not manifest:
        return detail
    signature = mapping(manifest.get("signature_info"))
    return detail | {
        "signer": {
            "common_name": text(signature.get("common_name")),
            "organization": text(signature.get("issuer")),
            "vouched_for": store.state == "trusted",
            "development_root": store.development,
            "time": text(signature.get("time")),
        },
        "claims": {
            "generator": [_generator(one) for one in sequence(manifest.get("claim_generator_info"))]
            or [text(manifest.get("claim_generator"))],
            "title": text(manifest.get("title")),
            "digital_source_types": list(store.source_types),
            "actions": [_action(one) for one in _actions(manifest)],
            "ingredients": len(sequence(manifest.get("ingredients"))),
            "training_mining": _training_mining(manifest),
        },
        "manifest": text(store.report.get("active_manifest")),
        "manifests": len(mapping(store.report.get("manifests"))),
    }


def _generator(value: Any) -> str:
    info = mapping(value)
    return " ".join(filter(None, (text(info.get("name")), text(info.get("version")))))


def _actions(manifest: Json) -> list[Json]:
    found: list[Json] = []
    for assertion in map(mapping, sequence(manifest.get("assertions"))):
        if text(assertion.get("label")).startswith("c2pa.actions"):
            found += map(mapping, sequence(mapping(assertion.get("data")).get("actions")))
    return found


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
    for assertion in map(mapping, sequence(manifest.get("assertions"))):
        if text(assertion.get("label")).split("__")[0] in _TRAINING:
            for entry, value in mapping(mapping(assertion.get("data")).get("entries")).items():
                found[entry] = text(mapping(value).get("use"))
    return found


def statement_in_words(store: Store) -> str:
    """What a store with a statement says, as the rest of "…says that the picture ___"."""
    if store.statement is Statement.AI:
        if "trainedAlgorithmicMedia" in store.source_types[:1]:
            return "was made by AI"
        if "algorithmicMedia" in store.source_types[:1]:
            return "was made by an algorithm"
        return "contains parts made by AI"
    return f"was made without AI ({', '.join(store.source_types[:3])})"
