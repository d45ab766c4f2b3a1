"""The C2PA layer of an answer: state, checks in words, signer, time-stamp, and what the manifest claims, as claims."""

from typing import Any

from remarque.answers import Layer
from remarque.labels.claims import claims, history, soft_bindings
from remarque.labels.codes import meaning
from remarque.labels.hints import bounded
from remarque.labels.history import Json, code, manifest_of, mapping, sequence, text
from remarque.labels.reading import Store
from remarque.labels.vocabulary import Statement

_SAYS = {
    "trusted": "intact, signed by a signer that is trusted here",
    "valid": "intact, signed by a signer that nobody vouches for here",
    "invalid": "does not verify",
    "remote": "kept somewhere else; it was not fetched",
}
#: Before what failed of another manifest than the active one.
EARLIER = "in a manifest that it was made from: "
#: Time-stamps by state. C2PA 2.4, "Time-stamps"; c2pa-rs 0.91.3 calls every time-stamp of claim version 1 trusted, with
#: any anchors and with none, so there the code says nothing.
_TIME = {
    "none": "there is no time-stamp: nobody but the signer says when it signed",
    "trusted": "an authority that is trusted here confirms that the signature existed at this time",
    "untrusted": "the time-stamp fits the signature; nobody trusted here vouches for who issued it",
    "unchecked": "the time-stamp fits the signature; who issued it is not checked in manifests of this old version",
    "failed": "there is a time-stamp, and it does not hold",
}


def credentials_layer(store: Store) -> Layer:
    """Return the layer of a store that is there (or said to be elsewhere)."""
    says = _SAYS[store.state]
    if store.source_types:
        says += f"; says {', '.join(store.source_types[:5])}"
    elif store.statement is Statement.POSSIBLY_AI:
        says += "; names an AI system, and not what it did"
    elif store.state in ("trusted", "valid"):
        says += "; says nothing about AI"
    return Layer(layer="c2pa", state=store.state, says=bounded(says), detail=bounded(_detail(store)))


def time_stamp(store: Store) -> dict[str, str]:
    """What is known of when the active manifest was signed: state, words, and the time where a time-stamp fits."""
    results = mapping(mapping(store.report.get("validation_results")).get("activeManifest"))
    active = text(store.report.get("active_manifest"))
    found = {
        code(one).removeprefix("timeStamp.")
        for kind in ("success", "informational", "failure")
        for one in sequence(results.get(kind))
        if code(one).startswith("timeStamp.") and manifest_of(one) == active
    }
    if not found:
        return {"state": "none", "says": _TIME["none"]}
    # Only these two may stand beside `validated`; whatever else was found is a failure, known here or not.
    if "validated" not in found or found - {"validated", "trusted", "untrusted"}:
        others = sorted(found - {"validated", "trusted"})
        return {
            "state": "failed",
            "says": "; ".join([_TIME["failed"], *(meaning(f"timeStamp.{one}") for one in others)]),
        }
    first_version = store.active.get("claim_version", 1) == 1
    state = "untrusted" if "trusted" not in found else "unchecked" if first_version else "trusted"
    return {"state": state, "says": _TIME[state], "time": text(mapping(store.active.get("signature_info")).get("time"))}


def _detail(store: Store) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "statement": store.statement.value,
        "passed": list(store.passed),
        "failures": _in_words(store.failures) + _in_words(store.failures_below, EARLIER),
        "notes": _in_words(store.noted),
    }
    manifest = store.active
    if not manifest:
        return detail
    return detail | {
        "signer": _signer(store),
        "time_stamp": time_stamp(store),
        "claims": {"digital_source_types": list(store.source_types), **claims(manifest)},
        "soft_bindings": soft_bindings(manifest),
        "history": history(store.steps),
        "manifest": text(store.report.get("active_manifest")),
        "manifests": len(mapping(store.report.get("manifests"))),
    }


def _in_words(codes: tuple[str, ...], of_what: str = "") -> list[dict[str, str]]:
    return [{"code": one, "means": of_what + meaning(one)} for one in codes]


def _signer(store: Store) -> Json:
    signature = mapping(store.active.get("signature_info"))
    return {
        "common_name": text(signature.get("common_name")),
        "organization": text(signature.get("issuer")),
        "certificate_serial": text(signature.get("cert_serial_number")),
        "algorithm": text(signature.get("alg")),
        "vouched_for": store.state == "trusted",
        "development_root": store.development,
    }
