"""Vectors of the receipts of artists and builders. Part of tests/make_log_vectors.py."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.log_vectors_notes import FALSE_LOG, LOG, ORIGIN, RECEIPTS, SECOND, STRANGER, WITNESS, spare_bits, vkeys
from tests.slow_log import Signer, b64, checkpoint, commitment, jcs, mth, note, path, sha256

SALTS = {"open": sha256(b"salt of the opening"), "who": sha256(b"salt of the identity")}
PAYLOADS: dict[str, Any] = {
    "open": {
        "id": "dec_1",
        "fingerprints": [{"alg": "pdq", "quality": 100, "value": "f0" * 32}],
        "preferences": {"ai_generative_training": "disallowed", "search": "allowed"},
    },
    "who": {"party": "pty_1", "creator": 'Zo\u00eb "Zed" Ng\u0169gi\u2028', "title": "\u753b\u5bb6\t\x7f\\/"},
}
TAGS = {"open": "opening", "who": "identity"}
WHEN = {"t": 1795464000, "v": 1}
DECLARE = jcs(
    {"type": "declare", **WHEN, **{name: commitment(TAGS[name], SALTS[name], PAYLOADS[name]) for name in TAGS}}
)
WITHDRAW = jcs({"type": "withdraw", "ref": 2, **WHEN, "who": commitment("identity", SALTS["who"], PAYLOADS["who"])})
FRACTION: dict[str, Any] = {"angle": 1.5}
ENTRIES = [
    jcs({"type": "key", **WHEN, "digest": sha256(b"certificate").hex()}),
    jcs({"type": "erase", **WHEN, "ref": 0}),
    DECLARE,
    json.dumps(json.loads(DECLARE)).encode(),  # spaces, and another order of the names
    WITHDRAW,
    jcs({"type": "gift", **WHEN, "who": "0" * 64}),
    jcs({**json.loads(DECLARE), "who": "0" * 2000}),
    jcs({**json.loads(DECLARE), "open": commitment("opening", SALTS["open"], FRACTION)}),
]
DOCUMENT = {
    "origin": ORIGIN,
    "log_key": LOG.vkey,
    "receipts_key": RECEIPTS.vkey,
    "witnesses": vkeys(WITNESS, SECOND),
    "routes": {"log": "/log"},
}
Case = dict[str, Any]


def made() -> dict[str, list[Case]]:
    return {"receipts": receipts(), "checks": checks()}


def case(name: str, valid: bool, file: str | bytes, quorum: int = 0, keys: Mapping[str, Any] = DOCUMENT) -> Case:
    data = file if isinstance(file, bytes) else file.encode()
    return {"name": name, "valid": valid, "file": b64(data), "quorum": quorum, "keys": dict(keys)}


def proof_text(index: int, *, signed: str | None = None, hashes: Sequence[str] | None = None) -> str:
    signed = checkpoint(LOG, ENTRIES) if signed is None else signed
    hashes = [b64(node) for node in path(index, ENTRIES)] if hashes is None else hashes
    return "\n".join(["c2sp.org/tlog-proof@v1", f"index {index}", *hashes, "", signed])


def document(index: int = 2, names: Sequence[str] = ("open", "who"), **changes: Any) -> dict[str, Any]:
    return {
        "format": "remarque-receipt/v1",
        "entry": b64(ENTRIES[index]),
        "proof": proof_text(index),
        "log_vkey": LOG.vkey,
        "openings": {name: {"salt": SALTS[name].hex(), "payload": PAYLOADS[name]} for name in names},
        **changes,
    }


def opening(name: str, salt: Any = None, payload: Any = None) -> dict[str, Any]:
    return {name: {"salt": SALTS[name].hex() if salt is None else salt, "payload": payload or PAYLOADS[name]}}


def receipts() -> list[Case]:
    whole = json.dumps(document(), indent=1) + "\n"
    hashes = [b64(node) for node in path(2, ENTRIES)]
    signed, text = checkpoint(LOG, ENTRIES), proof_text(2)
    cosigned = proof_text(2, signed=checkpoint(LOG, ENTRIES, WITNESS, STRANGER))
    good = {
        "happy": (document(), 0),
        "nothing-opened": (document(names=()), 0),
        "identity-alone": (document(names=("who",)), 0),
        "withdrawal": (document(4, ("who",)), 0),
        "an-entry-without-commitments": (document(0, ()), 0),
        "one-witness": (document(proof=cosigned), 1),
    }
    changed: dict[str, dict[str, Any]] = {
        "wrong-entry": document(entry=b64(ENTRIES[4]), openings={}),
        "non-canonical-json": document(3),
        "unknown-type": document(5, ()),
        "entry-too-large": document(6, ()),
        "base64-without-padding": document(entry=b64(ENTRIES[2]).rstrip("=") + "="),
        "wrong-index": document(proof=text.replace("index 2", "index 3")),
        "index-beyond-size": document(proof=text.replace("index 2", "index 8")),
        "index-with-leading-zero": document(proof=text.replace("index 2", "index 02")),
        "truncated-proof": document(proof=proof_text(2, hashes=hashes[:-1])),
        "extra-hash": document(proof=proof_text(2, hashes=[*hashes, hashes[0]])),
        "swapped-hashes": document(proof=proof_text(2, hashes=hashes[::-1])),
        "non-32-byte-hash": document(proof=proof_text(2, hashes=[*hashes[:-1], b64(bytes(31))])),
        "non-canonical-base64-hash": document(proof=proof_text(2, hashes=[*hashes[:-1], spare_bits(hashes[-1])])),
        "extra-line": document(proof=text.replace("index 2", "extra AAAA\nindex 2")),
        "unknown-proof": document(proof=text.replace("@v1", "@v2")),
        "crlf": document(proof=text.replace("\n", "\r\n")),
        "no-checkpoint": document(proof=proof_text(2, signed="")),
        "size-zero": document(proof=proof_text(2, signed=checkpoint(LOG, []))),
        "shorter-log": document(proof=proof_text(2, signed=checkpoint(LOG, ENTRIES[:7]))),
        "another-log-of-that-name": document(proof=proof_text(2, signed=checkpoint(FALSE_LOG, ENTRIES))),
        "checkpoint-of-another-origin": document(
            proof=proof_text(2, signed=note(f"registry.example/log2\n8\n{b64(mth(ENTRIES))}\n", LOG))
        ),
        "checkpoint-signed-by-the-receipts-key": document(
            proof=proof_text(2, signed=checkpoint(RECEIPTS, ENTRIES).replace(RECEIPTS.name + "\n", ORIGIN + "\n"))
        ),
        "duplicate-signature-line": document(proof=text + signed.rpartition("\n\n")[2]),
        "trailing-garbage-after-the-checkpoint": document(proof=text + "x"),
        "changed-payload": document(openings=opening("open", payload={**PAYLOADS["open"], "id": "dec_2"})),
        "empty-payload": document(openings={"open": {"salt": SALTS["open"].hex(), "payload": {}}}),
        "payload-not-an-object": document(openings={"open": {"salt": SALTS["open"].hex(), "payload": []}}),
        "wrong-salt": document(openings=opening("open", salt="00" * 32)),
        "short-salt": document(openings=opening("open", salt="00" * 31)),
        "salt-upper-case": document(openings=opening("open", salt=SALTS["open"].hex().upper())),
        "salt-not-text": document(openings=opening("open", salt=1)),
        "openings-swapped": document(
            openings={"open": opening("who")["who"], "who": opening("open")["open"]},
        ),
        "opening-of-what-is-not-committed-to": document(4, ("open", "who")),
        "unknown-opening": document(openings={"what": opening("open")["open"]}),
        "unknown-member-of-an-opening": document(openings={"open": {**opening("open")["open"], "more": 1}}),
        "fraction-in-a-payload": document(7, openings={"open": {"salt": SALTS["open"].hex(), "payload": FRACTION}}),
        "half-a-character": document(openings=opening("who", payload={"title": "\ud800"})),
        "half-a-character-in-a-name": document(openings=opening("who", payload={"\ud800": 1})),
        "name-not-ascii": document(openings=opening("who", payload={"cr\u00e9ateur": "Zo\u00eb"})),
        "number-beyond-json": document(openings=opening("who", payload={"n": 2**53})),
        "deep-payload": document(openings=opening("who", payload={"n": nested(300)})),
        "half-a-character-in-the-proof": document(proof=text + "\ud800"),
        "unknown-member": document(more=1),
        "missing-member": {name: value for name, value in document().items() if name != "openings"},
        "unknown-format": document(format="remarque-receipt/v2"),
        "vkey-of-another-log": document(log_vkey=FALSE_LOG.vkey),
        "vkey-of-another-id": document(log_vkey=f"{ORIGIN}+00000000+{LOG.vkey.rpartition('+')[2]}"),
        "entry-not-text": document(entry=None),
        "proof-not-text": document(proof=["c2sp.org/tlog-proof@v1"]),
    }
    raw = {
        "not-json": b"a receipt",
        "empty": b"",
        "list": f"[{whole}]".encode(),
        "trailing-garbage": whole.encode() + b"{}",
        "name-twice": whole.replace('"entry":', '"entry": "", "entry":').encode(),
        "not-utf-8": whole.replace("remarque-receipt", "remarque-rec\xffipt").encode("latin-1"),
        "utf-16": whole.encode("utf-16"),
        "byte-order-mark": b"\xef\xbb\xbf" + whole.encode(),
        "truncated": whole.encode()[:-3],
        "number-too-long": whole.replace('"quality": 100', f'"quality": {"9" * 5000}').encode(),
        "not-a-number": whole.replace('"quality": 100', '"quality": NaN').encode(),
        "deep": b'{"format":' * 2000,
    }
    return [
        *(case(name, True, json.dumps(value, indent=1) + "\n", quorum) for name, (value, quorum) in good.items()),
        case("one-line", True, json.dumps(document(), separators=(",", ":"))),
        case("characters-not-escaped", True, json.dumps(document(), ensure_ascii=False)),
        *(case(name, False, json.dumps(value)) for name, value in changed.items()),
        *(case(name, False, data) for name, data in raw.items()),
        case("witness-missing", False, whole, quorum=1),
        case("too-few-witnesses", False, json.dumps(document(proof=cosigned)), quorum=2),
        case("another-key-is-trusted", False, whole, keys={**DOCUMENT, "log_key": FALSE_LOG.vkey}),
        case(
            "another-log-is-trusted", False, whole, keys={**DOCUMENT, "log_key": STRANGER.vkey, "origin": STRANGER.name}
        ),
    ]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ITEMS = [f"pdq {sha256(b'picture %d' % i).hex()}" for i in range(5)]
CHECK: dict[str, Any] = {
    "checkpoint": checkpoint(LOG, ENTRIES),
    "counts": {"allowed": 1, "disallowed": 2, "unknown": 2},
    "engine": "pdq256/hamming<=31/exact",
    "hits": [[0, 2, 0], [3, 4, 31]],
    "items": 5,
    "items_root": mth([item.encode() for item in ITEMS]).hex(),
    "snapshot_sha256": sha256(b"snapshot").hex(),
    "t": 1795464060,
    "v": 1,
}


def signed_check(body: Mapping[str, Any] | bytes, signer: Signer = RECEIPTS, head: str = "remarque-check/v1") -> str:
    line = body if isinstance(body, bytes) else jcs(body)
    return note(f"{head}\n{line.decode()}\n", signer)


def checks() -> list[Case]:
    small = {name: value for name, value in CHECK.items() if name not in ("hits", "snapshot_sha256")}
    nothing = {**small, "items": 0, "counts": {}, "items_root": mth([]).hex()}
    cosigned = signed_check({**CHECK, "checkpoint": checkpoint(LOG, ENTRIES, WITNESS)})
    whole = signed_check(CHECK)
    changed: dict[str, Any] = {
        "counts-do-not-add-up": {**CHECK, "counts": {"allowed": 1}},
        "unknown-preference": {**CHECK, "counts": {"fine": 5}},
        "negative-count": {**CHECK, "counts": {"allowed": 6, "unknown": -1}},
        "boolean-count": {**small, "items": 1, "counts": {"allowed": True}},
        "text-count": {**CHECK, "counts": {"allowed": "5"}},
        "counts-not-an-object": {**CHECK, "counts": [5]},
        "hit-of-an-item-not-asked-about": {**CHECK, "hits": [[5, 2, 0]]},
        "hit-beyond-size": {**CHECK, "hits": [[0, 8, 0]]},
        "hit-of-two-numbers": {**CHECK, "hits": [[0, 2]]},
        "negative-distance": {**CHECK, "hits": [[0, 2, -1]]},
        "hits-not-a-list": {**CHECK, "hits": "abc"},
        "hits-null": {**CHECK, "hits": None},
        "no-items-with-a-root": {**nothing, "items_root": CHECK["items_root"]},
        "root-upper-case": {**CHECK, "items_root": CHECK["items_root"].upper()},
        "short-root": {**CHECK, "items_root": CHECK["items_root"][2:]},
        "snapshot-not-a-digest": {**CHECK, "snapshot_sha256": "latest"},
        "negative-time": {**CHECK, "t": -1},
        "no-engine": {**CHECK, "engine": ""},
        "engine-too-long": {**CHECK, "engine": "x" * 201},
        "engine-not-text": {**CHECK, "engine": 1},
        "unknown-version": {**CHECK, "v": 2},
        "boolean-version": {**CHECK, "v": True},
        "unknown-member": {**CHECK, "more": 1},
        "missing-member": {name: value for name, value in CHECK.items() if name != "engine"},
        "missing-version": {name: value for name, value in CHECK.items() if name != "v"},
        "checkpoint-of-another-log": {**CHECK, "checkpoint": checkpoint(FALSE_LOG, ENTRIES)},
        "checkpoint-not-signed": {**CHECK, "checkpoint": f"{ORIGIN}\n8\n{b64(mth(ENTRIES))}\n"},
        "checkpoint-not-text": {**CHECK, "checkpoint": None},
        "non-canonical-json": json.dumps(CHECK).encode(),
        "escaped-letter": jcs(CHECK).replace(b"pdq256", b"\\u0070dq256"),
        "half-a-character": jcs(CHECK).replace(b"pdq256", b"\\ud800"),
        "name-twice": jcs(CHECK).replace(b'"items":5', b'"items":5,"items":5'),
        "list": jcs([CHECK]),
        "two-lines": jcs(CHECK) + b"\n" + jcs(CHECK),
        "empty-line": b"",
    }
    raw = {
        "signed-by-the-log-key": signed_check(CHECK, LOG),
        "signed-by-a-stranger": signed_check(CHECK, STRANGER),
        "unknown-format": signed_check(CHECK, head="remarque-check/v2"),
        "changed-count": whole.replace('"allowed":1', '"allowed":2').replace('"unknown":2', '"unknown":1'),
        "non-canonical-base64": spare_bits(whole),
        "crlf": whole.replace("\n", "\r\n"),
        "duplicate-signature-line": whole + whole.rpartition("\n\n")[2],
        "trailing-garbage": whole + "x",
        "truncated": whole[:-2],
        "not-signed": f"remarque-check/v1\n{jcs(CHECK).decode()}\n",
    }
    return [
        case("happy", True, whole),
        case("without-hits-and-snapshot", True, signed_check(small)),
        case("nothing-asked", True, signed_check(nothing)),
        case("no-hits", True, signed_check({**CHECK, "hits": []})),
        case("zero-counted", True, signed_check({**CHECK, "counts": {**CHECK["counts"], "constrained": 0}})),
        case("one-witness", True, cosigned, quorum=1),
        *(case(name, False, signed_check(body)) for name, body in changed.items()),
        *(case(name, False, file) for name, file in raw.items()),
        case("witness-missing", False, whole, quorum=1),
        case("too-few-witnesses", False, cosigned, quorum=2),
    ]
