"""Vectors of proofs, paths of tiles, bundles and entries. Part of tests/make_log_vectors.py."""

import json
from collections.abc import Mapping
from typing import Any

from tests.slow_log import b64, jcs, mth, path, proof, sha256

LEAVES = [b"entry %d" % i for i in range(300)]
OTHER = sha256(b"something else").hex()
DIGEST = sha256(b"a digest").hex()
Case = dict[str, Any]


def made() -> dict[str, list[Case]]:
    return {
        "inclusion": [case for index, size in INCLUDED for case in inclusion(index, size)] + few_inclusions(),
        "consistency": [case for old, new in GROWN for case in consistency(old, new)],
        "paths": paths(),
        "bundles": bundles(),
        "entries": entries(),
    }


INCLUDED = [(0, 2), (1, 2), (2, 3), (0, 7), (5, 7), (6, 7), (3, 8), (255, 256), (255, 300), (299, 300)]
GROWN = [(1, 2), (1, 7), (2, 3), (3, 7), (4, 7), (6, 7), (6, 8), (7, 8), (255, 300), (256, 300), (299, 300)]


def case(name: str, base: Mapping[str, Any], **changes: Any) -> Case:
    """A broken case: ``base`` with something changed."""
    return {"name": name, **base, "valid": False, **changes}


def inclusion(index: int, size: int) -> list[Case]:
    hashes = [node.hex() for node in path(index, LEAVES[:size])]
    good = {
        "valid": True,
        "leaf": sha256(b"\x00" + LEAVES[index]).hex(),
        "index": index,
        "size": size,
        "root": mth(LEAVES[:size]).hex(),
        "proof": hashes,
    }
    at = f"-{index}-of-{size}"
    return [
        {"name": "happy" + at, **good},
        case("wrong-leaf" + at, good, leaf=OTHER),
        case("wrong-root" + at, good, root=OTHER),
        case("leaf-and-root-swapped" + at, good, leaf=good["root"], root=good["leaf"]),
        case("wrong-index" + at, good, index=index ^ 1 if index ^ 1 < size else index - 1),
        case("index-beyond-size" + at, good, index=size),
        case("negative-index" + at, good, index=-1),
        case("size-zero" + at, good, size=0),
        case("truncated-proof" + at, good, proof=hashes[:-1]),
        case("missing-first-hash" + at, good, proof=hashes[1:], leaf=OTHER),
        case("extra-hash" + at, good, proof=[*hashes, OTHER]),
        case("extra-hash-is-root" + at, good, proof=[*hashes, good["root"]]),
        case("wrong-hash" + at, good, proof=[*hashes[:-1], OTHER]),
        case("non-32-byte-hash" + at, good, proof=[*hashes[:-1], hashes[-1][2:]]),
        case("long-hash" + at, good, proof=[*hashes[:-1], hashes[-1] + "00"]),
        case("non-32-byte-leaf" + at, good, leaf=good["leaf"] + "00"),
        case("empty-root" + at, good, root=""),
    ]


def few_inclusions() -> list[Case]:
    only = sha256(b"\x00" + LEAVES[0]).hex()
    good = {"valid": True, "leaf": only, "index": 0, "size": 1, "root": only, "proof": []}
    hashes = [node.hex() for node in path(5, LEAVES[:8])]
    eight = {
        "valid": True,
        "leaf": sha256(b"\x00" + LEAVES[5]).hex(),
        "index": 5,
        "size": 8,
        "root": mth(LEAVES[:8]).hex(),
        "proof": hashes,
    }
    return [
        {"name": "happy-0-of-1", **good},
        case("extra-hash-0-of-1", good, proof=[OTHER]),
        case("wrong-root-0-of-1", good, root=OTHER),
        case("empty-tree", good, size=0, root=mth([]).hex()),
        case("reversed-proof-5-of-8", eight, proof=hashes[::-1]),
        case("size-too-large-5-of-8", eight, size=16),
        case("size-too-small-5-of-8", eight, size=6),
        case("index-of-another-5-of-8", eight, index=2),
    ]


def consistency(old: int, new: int) -> list[Case]:
    hashes = [node.hex() for node in proof(old, LEAVES[:new])]
    good = {
        "valid": True,
        "old_size": old,
        "old_root": mth(LEAVES[:old]).hex(),
        "new_size": new,
        "new_root": mth(LEAVES[:new]).hex(),
        "proof": hashes,
    }
    at = f"-{old}-to-{new}"
    return [
        {"name": "happy" + at, **good},
        {"name": "same" + at, **good, "new_size": old, "new_root": good["old_root"], "proof": []},
        case("same-size-with-a-proof" + at, good, new_size=old, new_root=good["old_root"]),
        case("same-size-other-root" + at, good, new_size=old, proof=[]),
        case("swapped-roots" + at, good, old_root=good["new_root"], new_root=good["old_root"]),
        case("swapped-sizes" + at, good, old_size=new, new_size=old),
        case("wrong-old-root" + at, good, old_root=OTHER),
        case("wrong-new-root" + at, good, new_root=OTHER),
        case("size-zero" + at, good, old_size=0, old_root=mth([]).hex(), proof=[]),
        case("negative-size" + at, good, old_size=-1),
        case("empty-proof" + at, good, proof=[]),
        case("truncated-proof" + at, good, proof=hashes[:-1]),
        case("extra-hash" + at, good, proof=[*hashes, OTHER]),
        case("extra-hash-first" + at, good, proof=[good["old_root"], *hashes]),
        case("wrong-hash" + at, good, proof=[*hashes[:-1], OTHER]),
        case("non-32-byte-hash" + at, good, proof=[*hashes[:-1], hashes[-1][2:]]),
        case("non-32-byte-root" + at, good, old_root=good["old_root"][2:]),
        case("wrong-old-size" + at, good, old_size=new - 1 if old != new - 1 else new + 1),
    ]


def paths() -> list[Case]:
    good = {
        "tile/0/000": (0, 0, 256),
        "tile/0/x001/x234/067": (0, 1234067, 256),
        "tile/0/273.p/112": (0, 273, 112),
        "tile/1/000.p/1": (1, 0, 1),
        "tile/63/x001/000.p/255": (63, 1000, 255),
        "tile/entries/273.p/112": (-1, 273, 112),
        "tile/entries/x999/999": (-1, 999999, 256),
    }
    broken = {
        "level-with-leading-zero": "tile/00/000",
        "level-too-high": "tile/64/000",
        "negative-level": "tile/-1/000",
        "no-group-of-three": "tile/0/67",
        "group-of-four": "tile/0/0067",
        "needless-group": "tile/0/x000/067",
        "group-without-x": "tile/0/001/067",
        "last-group-with-x": "tile/0/x001/x067",
        "width-zero": "tile/0/000.p/0",
        "width-of-a-full-tile": "tile/0/000.p/256",
        "width-too-large": "tile/0/000.p/257",
        "width-with-leading-zero": "tile/0/000.p/012",
        "width-missing": "tile/0/000.p/",
        "slash-before": "/tile/0/000",
        "slash-after": "tile/0/000/",
        "newline-after": "tile/0/000\n",
        "up": "tile/0/../000",
        "other-digits": "tile/0/00\u0661",
        "number-too-long": "tile/0/" + "x123/" * 400 + "456",
        "empty": "",
    }
    cases: list[Case] = [
        {"name": text, "valid": True, "path": text, "level": level, "n": n, "width": width}
        for text, (level, n, width) in good.items()
    ]
    return cases + [{"name": name, "valid": False, "path": text} for name, text in broken.items()]


def bundles() -> list[Case]:
    three = b"\x00\x01a" + b"\x00\x00" + b"\x00\x02bc"
    good = {"valid": True, "bundle": b64(three), "width": 3, "entries": [b64(e) for e in (b"a", b"", b"bc")]}
    full = {"valid": True, "bundle": b64(b"\x00\x01z" * 256), "width": 256, "entries": [b64(b"z")] * 256}
    return [
        {"name": "happy", **good},
        {"name": "full", **full},
        case("fewer-than-said", good, width=4),
        case("more-than-said", good, width=2),
        case("trailing-garbage", good, bundle=b64(three + b"x")),
        case("trailing-zero-entry", good, bundle=b64(three + b"\x00\x00")),
        case("truncated-entry", good, bundle=b64(three[:-1])),
        case("truncated-length", good, bundle=b64(three[:-3])),
        case("length-too-large", good, bundle=b64(b"\x00\x09a" + three[3:])),
        case("empty", good, bundle="", width=0),
        case("257-entries", full, bundle=b64(b"\x00\x01z" * 257), width=257),
    ]


def entries() -> list[Case]:
    fields: dict[str, dict[str, Any]] = {
        "declare": {"open": DIGEST, "who": OTHER},
        "change": {"open": DIGEST, "ref": 0, "who": OTHER},
        "withdraw": {"ref": 7, "who": OTHER},
        "dispute": {"ref": 7, "who": OTHER},
        "decide": {"open": DIGEST, "ref": 9, "who": OTHER},
        "label": {"open": DIGEST, "who": OTHER},
        "check": {"digest": DIGEST},
        "erase": {"ref": 2**53 - 1},
        "key": {"digest": DIGEST},
    }
    common = {"t": 1795464000, "v": 1}
    good = {name: jcs({"type": name, **common, **more}) for name, more in fields.items()}
    good["dispute-with-reason"] = jcs({"type": "dispute", **common, **fields["dispute"], "open": DIGEST})
    value = {"type": "declare", **common, **fields["declare"]}
    whole = good["declare"]
    withdraw = {"type": "withdraw", **common, **fields["withdraw"]}
    broken = {
        "non-canonical-json": json.dumps(value, sort_keys=True).encode(),
        "unsorted-names": json.dumps(value, separators=(",", ":")).encode(),
        "escaped-letter": whole.replace(b"declare", b"decl\\u0061re"),
        "trailing-newline": whole + b"\n",
        "trailing-garbage": whole + b"{}",
        "leading-space": b" " + whole,
        "byte-order-mark": b"\xef\xbb\xbf" + whole,
        "truncated": whole[:-1],
        "empty": b"",
        "not-utf-8": whole.replace(b"declare", b"decl\xffre"),
        "utf-16": whole.decode().encode("utf-16"),
        "list": jcs([value]),
        "name-twice": whole.replace(b'"t":', b'"t":1,"t":'),
        "unknown-type": jcs({**value, "type": "gift"}),
        "unknown-version": jcs({**value, "v": 2}),
        "boolean-version": jcs({**value, "v": True}),
        "missing-field": jcs({name: value[name] for name in value if name != "who"}),
        "missing-time": jcs({name: value[name] for name in value if name != "t"}),
        "field-of-another-type": jcs({**value, "ref": 1}),
        "free-text": jcs({**value, "note": "by the artist"}),
        "not-a-digest": jcs({**value, "who": "Ada"}),
        "upper-case-digest": jcs({**value, "who": OTHER.upper()}),
        "short-digest": jcs({**value, "who": OTHER[:-2]}),
        "digest-with-newline": jcs({**value, "who": OTHER + "\n"}),
        "negative-time": jcs({**value, "t": -1}),
        "fraction-of-a-second": jcs({**value, "t": 1.5}),
        "boolean-time": jcs({**value, "t": True}),
        "text-time": jcs({**value, "t": "1795464000"}),
        "exponent": whole.replace(b"1795464000", b"1795464e3"),
        "time-beyond-json": jcs({**value, "t": 2**53}),
        "number-too-long": whole.replace(b"1795464000", b"9" * 900),
        "negative-ref": jcs({**withdraw, "ref": -1}),
        "text-ref": jcs({**withdraw, "ref": "7"}),
        "entry-too-large": jcs({**value, "who": OTHER * 16}),
        "deep": b"[" * 500 + b"]" * 500,
    }
    cases: list[Case] = [{"name": name, "valid": True, "entry": b64(body)} for name, body in good.items()]
    return cases + [{"name": name, "valid": False, "entry": b64(body)} for name, body in broken.items()]
