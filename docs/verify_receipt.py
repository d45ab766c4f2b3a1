"""Verify a receipt of a Remarque registry, offline: python verify_receipt.py RECEIPT KEYS [QUORUM]

RECEIPT: an artist's receipt, or a builder's receipt of a check. KEYS: the registry's /.well-known/remarque.json, saved
when it was trusted. QUORUM: how many of the witnesses in KEYS have to have signed; 0 if not given. Exit code 0: it
verifies; 1: it does not. Needs Python and the package "cryptography", nothing of Remarque. The formats: log.md.
"""

import base64
import hashlib
import json
import re
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TAGS = {"open": b"remarque/opening/v1\0", "who": b"remarque/identity/v1\0"}
FIELDS = {  # what an entry of each type holds, beside type, t and v
    "declare": "open who", "change": "open ref who", "withdraw": "ref who", "dispute": "ref who",
    "decide": "open ref who", "label": "open who", "check": "digest", "erase": "ref", "key": "digest",
}  # fmt: skip
CHECK = {"checkpoint", "counts", "engine", "items", "items_root", "t", "v"}  # and perhaps hits, snapshot_sha256
PREFERENCES = {"allowed", "disallowed", "constrained", "unknown"}


def sha256(data):
    return hashlib.sha256(data).digest()


def require(holds, otherwise):
    if not holds:
        raise ValueError(otherwise)


def is_whole(*values):
    return all(type(value) is int and 0 <= value < 2**63 for value in values)


def is_digest(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def read_base64(text):
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "base64 in a second spelling")
    return data


def read_number(text):
    require(re.fullmatch("0|[1-9][0-9]{0,18}", text) and is_whole(int(text)), f"{text} is not a number of this kind")
    return int(text)


def read_json(data):
    def names(pairs):
        require(len(dict(pairs)) == len(pairs) and all(n.isascii() for n, _ in pairs), "names twice, or not ASCII")
        return dict(pairs)

    def number(text):
        require(re.fullmatch("-?[0-9]{1,16}", text) and abs(int(text)) < 2**53, f"{text[:40]} is not a whole number")
        return int(text)

    hooks = {"parse_int": number, "parse_float": number, "parse_constant": number}
    return json.loads(data.decode("utf-8"), object_pairs_hook=names, **hooks)


def canonical(value):  # RFC 8785, where names are ASCII and numbers whole
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_vkey(vkey):  # name+id+base64(type || key), type 1: signs notes, 4: a witness
    name, key_id, data = *vkey.split("+", 2)[:2], read_base64(vkey.split("+", 2)[2])
    require(len(data) == 33 and key_id == sha256(name.encode() + b"\n" + data)[:4].hex(), "not a key")
    return name, bytes.fromhex(key_id), data[0], data[1:]


def open_note(note, vkeys):
    """The text of a signed note, and those of the keys that signed it. One bad signature of a known key spoils it."""
    text, _, tail = note.rpartition("\n\n")
    text, lines = text + "\n", tail.split("\n")
    require(lines.pop() == "" and len(lines) <= 100 and not re.search("[\0-\x09\x0b-\x1f]", text), "not a signed note")
    keys, seen, verified = {read_vkey(vkey)[:2]: vkey for vkey in vkeys}, set(), set()
    for line in lines:
        found = re.fullmatch("\u2014 ([^\\s+]+) ([^ ]+)", line)
        require(found and len(read_base64(found[2])) > 4, "not a signature line")
        data = read_base64(found[2])
        signer, data, message = (found[1], data[:4]), data[4:], text.encode()
        require(signer not in seen, "two signatures of one key")
        seen.add(signer)
        if signer in keys:
            _, _, kind, public = read_vkey(keys[signer])
            if kind == 4:  # a witness signs the time (8 bytes) at which it saw the text, too
                message = f"cosignature/v1\ntime {int.from_bytes(data[:8], 'big')}\n{text}".encode()
            Ed25519PublicKey.from_public_bytes(public).verify(data[8:] if kind == 4 else data, message)
            verified.add(keys[signer])
    return text, verified


def open_checkpoint(note, keys, quorum):
    """The size and the root that the log signed, and enough witnesses."""
    text, verified = open_note(note, [keys["log_key"], *keys["witnesses"]])
    require(keys["log_key"] in verified, "not signed by the log")
    witnesses = {read_vkey(vkey)[3] for vkey in verified if vkey in keys["witnesses"]}
    require(len(witnesses) >= quorum, f"signed by {len(witnesses)} witnesses, not {quorum}")
    origin, size, root = re.fullmatch("(.+)\n(.+)\n(.+)\n", text).groups()
    require(origin == keys["origin"] == read_vkey(keys["log_key"])[0], "a checkpoint of another log")
    return read_number(size), read_base64(root)


def verify_artist(data, keys, quorum):
    receipt = read_json(data)
    require(receipt.keys() == {"format", "entry", "proof", "log_vkey", "openings"}, "not a receipt")
    require(receipt["format"] == "remarque-receipt/v1" and receipt["log_vkey"] == keys["log_key"], "of another log")
    # (1) The log signed a tree, and the entry is in it.
    head, _, checkpoint = receipt["proof"].partition("\n\n")
    index, *hashes = head.removeprefix("c2sp.org/tlog-proof@v1\nindex ").split("\n")
    entry, (size, root) = read_base64(receipt["entry"]), open_checkpoint(checkpoint, keys, quorum)
    node, at, last = sha256(b"\0" + entry), read_number(index), size - 1
    require(at < size, "an entry beyond the end of the tree")
    for sibling in map(read_base64, hashes):  # climb to the root: RFC 9162, section 2.1.3.2
        require(last > 0 and len(sibling) == 32, "a proof that is too long, or not of hashes")
        node = sha256(b"\1" + (sibling + node if at & 1 or at == last else node + sibling))
        while at == last and not at & 1 and at:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    require(last == 0 and node == root, "the entry is not in the tree")
    # (2) It is an entry.
    value = read_json(entry)
    require(canonical(value) == entry and len(entry) <= 1024, "an entry in a second spelling")
    held = value.keys() - {"type", "t", "v"} - ({"open"} if value["type"] == "dispute" else set())
    require(is_whole(value["t"], value["v"]) and value["v"] == 1, "an entry of an unknown version")
    require(held == set(FIELDS[value["type"]].split()), "an entry with other fields")
    require(all(is_whole(value[n]) if n == "ref" else is_digest(value[n]) for n in held | value.keys() & TAGS), "form")
    # (3) What the receipt tells is what the entry committed to when it was written.
    for name, opened in receipt["openings"].items():
        salt, payload = opened.pop("salt"), canonical(opened.pop("payload"))
        require(not opened and is_digest(salt) and payload.startswith(b"{"), "not an opening")
        sealed = sha256(TAGS[name] + bytes.fromhex(salt) + payload).hex()
        require(sealed == value[name], f"{name} is not what the entry commits to")
    return f"entry {index}, {value['type']}, in the tree of size {size}; opened: {', '.join(receipt['openings'])}"


def verify_check(data, keys, quorum):
    # (1) The receipts key signed a statement in the one form that it has. (2) The log signed the state that it names.
    text, verified = open_note(data.decode("utf-8"), [keys["receipts_key"]])
    said = read_json(text.partition("\n")[2].encode())
    require(verified and text.encode() == b"remarque-check/v1\n" + canonical(said) + b"\n", "not signed, or no check")
    require(CHECK <= said.keys() <= CHECK | {"hits", "snapshot_sha256"}, "not a receipt of a check")
    size, _ = open_checkpoint(said["checkpoint"], keys, quorum)
    # (3) Its numbers agree with one another.
    counts, items, hits, root = said["counts"], said["items"], said.get("hits", []), said["items_root"]
    require(is_whole(said["t"], said["v"], items, *counts.values()) and said["v"] == 1, "not whole numbers")
    require(counts.keys() <= PREFERENCES and sum(counts.values()) == items, "the counts do not add up")
    require(is_digest(root) and is_digest(said.get("snapshot_sha256", root)), "not a digest")
    require(items or root == sha256(b"").hex(), "a root over nothing")
    require(0 < len(said["engine"] + "") <= 200 and isinstance(hits, list), "no engine, or no hits")
    for item, index, distance in hits:
        require(is_whole(item, index, distance) and item < items and index < size, "a hit of what was not there")
    return f"{items} items checked in the tree of size {size}: {counts}"


def main(receipt, saved, quorum=0):
    with open(receipt, "rb") as file, open(saved, "rb") as trusted:
        data, keys = file.read(), read_json(trusted.read())
    verify = verify_check if data.startswith(b"remarque-check/v1\n") else verify_artist
    try:
        sys.stdout.write(f"verifies: {verify(data, keys, int(quorum))}\n")
    except Exception as problem:  # whatever is wrong with the file, it does not verify
        sys.exit(f"does not verify: {problem or type(problem).__name__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
