"""Vectors of signed notes and checkpoints. Part of tests/make_log_vectors.py."""

from typing import Any

from tests.slow_log import Signer, b64, checkpoint, mth, note, sha256

ORIGIN = "registry.example/log1"
LOG = Signer(ORIGIN, 1, sha256(b"log"))
RECEIPTS = Signer(f"{ORIGIN}/receipts", 1, sha256(b"receipts"))
WITNESS = Signer("witness.example/w1", 4, sha256(b"witness"))
SECOND = Signer("witness.example/w2", 4, sha256(b"second witness"))
TWIN = Signer("another-name.example", 4, WITNESS.seed)
STRANGER = Signer("stranger.example", 1, sha256(b"stranger"))
FALSE_LOG = Signer(ORIGIN, 1, sha256(b"another log"))
LEAVES = [b"entry %d" % i for i in range(7)]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
TEXT = "A text of two lines,\nthis is the second.\n"
Case = dict[str, Any]


def made() -> dict[str, list[Case]]:
    return {"notes": notes(), "checkpoints": checkpoints()}


def spare_bits(text: str) -> str:
    """The text whose last base64, which ends in one ``=``, has a bit set that means nothing."""
    head, _, tail = text.rpartition("=")
    return head[:-1] + ALPHABET[ALPHABET.index(head[-1]) + 1] + "=" + tail


def bad(signer: Signer, text: str) -> str:
    """A line of this signer over another text."""
    return signer.line(text + "x\n")


def notes() -> list[Case]:
    one = note(TEXT, LOG)
    line = LOG.line(TEXT)
    head = TEXT + "\n"
    good = {
        "one-signature": (one, [LOG], [LOG]),
        "beside-an-unknown-key": (note(TEXT, STRANGER, LOG), [LOG], [LOG]),
        "bad-signature-of-an-unknown-key": (one + bad(STRANGER, TEXT), [LOG], [LOG]),
        "same-name-other-key": (note(TEXT, FALSE_LOG, LOG), [LOG], [LOG]),
        "two-known-keys": (note(TEXT, STRANGER, LOG), [LOG, STRANGER], [STRANGER, LOG]),
        "cosigned": (note(TEXT, LOG, WITNESS), [LOG, WITNESS], [LOG, WITNESS]),
        "empty-line-in-the-text": (note("above\n\nbelow\n", LOG), [LOG], [LOG]),
        "signature-line-in-the-text": (note(f"above\n\n{line}", LOG), [LOG], [LOG]),
        "other-letters": (note("zo\u00eb \u2014 \u753b\n", LOG), [LOG], [LOG]),
    }
    broken = {
        "changed-text": one.replace("second", "third"),
        "no-known-key": note(TEXT, STRANGER),
        "same-name-only": note(TEXT, FALSE_LOG),
        "bad-signature": head + bad(LOG, TEXT),
        "bad-signature-beside-a-good-one": one + bad(WITNESS, TEXT),
        "changed-time-of-a-cosignature": one + f"— {WITNESS.name} "
        f"{b64(WITNESS.id + (1).to_bytes(8, 'big') + bytes(64))}\n",
        "cosignature-without-a-time": one + f"— {WITNESS.name} {b64(WITNESS.id + bytes(64))}\n",
        "signature-too-short": head + f"— {LOG.name} {b64(LOG.id + bytes(63))}\n",
        "signature-of-nothing": head + f"— {LOG.name} {b64(LOG.id)}\n",
        "duplicate-signature-line": one + line,
        "two-signatures-of-an-unknown-key": one + STRANGER.line(TEXT) + bad(STRANGER, TEXT),
        "crlf": one.replace("\n", "\r\n"),
        "crlf-at-the-end": one.removesuffix("\n") + "\r\n",
        "trailing-garbage": one + "garbage",
        "trailing-line": one + "garbage\n",
        "trailing-newline": one + "\n",
        "trailing-zero-byte": one + "\0",
        "no-newline-at-the-end": one.removesuffix("\n"),
        "no-empty-line": TEXT + line,
        "no-signature": head,
        "no-text": "\n" + line,
        "empty": "",
        "non-canonical-base64": spare_bits(one),
        "base64-without-padding": one.replace("=\n", "\n"),
        "base64-with-a-space": one.removesuffix("\n") + " \n",
        "url-base64": head + f"— {LOG.name} {b64(LOG.id + bytes([255] * 64)).replace('/', '_')}\n",
        "hyphen-for-dash": one.replace("—", "-"),
        "two-spaces": one.replace(f"{LOG.name} ", f"{LOG.name}  "),
        "no-name": one.replace(f"{LOG.name} ", " "),
        "plus-in-a-name": one + line.replace(LOG.name, "a+b"),
        "tab-in-the-text": note("a\tb\n", LOG),
        "zero-byte-in-the-text": note("a\0b\n", LOG),
        "byte-order-mark": "\ufeff" + one,
        "too-many-signatures": one + "".join(Signer(f"s{i}.example", 1, LOG.seed).line(TEXT) for i in range(100)),
    }
    cases = [
        {"name": name, "valid": True, "note": b64(text.encode()), "keys": vkeys(*keys), "verified": vkeys(*verified)}
        for name, (text, keys, verified) in good.items()
    ]
    raw = {name: text.encode() for name, text in broken.items()}
    raw["not-utf-8"] = one.encode().replace(b"second", b"sec\xffnd")
    keys = vkeys(LOG, WITNESS)
    return cases + [{"name": name, "valid": False, "note": b64(data), "keys": keys} for name, data in raw.items()]


def checkpoints() -> list[Case]:
    root = b64(mth(LEAVES))
    text = f"{ORIGIN}\n7\n{root}\n"
    good = {
        "happy": (checkpoint(LOG, LEAVES), 0, 7),
        "empty-log": (checkpoint(LOG, []), 0, 0),
        "one-witness": (checkpoint(LOG, LEAVES, WITNESS), 1, 7),
        "two-witnesses": (checkpoint(LOG, LEAVES, WITNESS, SECOND), 2, 7),
        "more-than-the-quorum": (checkpoint(LOG, LEAVES, WITNESS, SECOND, STRANGER), 1, 7),
        "largest-size": (note(f"{ORIGIN}\n{2**63 - 1}\n{root}\n", LOG), 0, 2**63 - 1),
    }
    broken = {
        "extension-line": (note(text + "more\n", LOG), 0),
        "empty-extension-line": (note(text + "\n", LOG), 0),
        "missing-root": (note(f"{ORIGIN}\n7\n", LOG), 0),
        "leading-zero": (note(f"{ORIGIN}\n07\n{root}\n", LOG), 0),
        "plus-sign": (note(f"{ORIGIN}\n+7\n{root}\n", LOG), 0),
        "negative-size": (note(f"{ORIGIN}\n-7\n{root}\n", LOG), 0),
        "space-before-size": (note(f"{ORIGIN}\n 7\n{root}\n", LOG), 0),
        "underscore-in-size": (note(f"{ORIGIN}\n1_0\n{root}\n", LOG), 0),
        "other-digits": (note(f"{ORIGIN}\n\u0667\n{root}\n", LOG), 0),
        "hexadecimal-size": (note(f"{ORIGIN}\n0x7\n{root}\n", LOG), 0),
        "size-too-large": (note(f"{ORIGIN}\n{2**63}\n{root}\n", LOG), 0),
        "other-origin": (note(f"registry.example/log2\n7\n{root}\n", LOG), 0),
        "no-origin": (note(f"\n7\n{root}\n", LOG), 0),
        "short-root": (note(f"{ORIGIN}\n7\n{b64(mth(LEAVES)[:31])}\n", LOG), 0),
        "non-canonical-base64-root": (note(spare_bits(text), LOG), 0),
        "hexadecimal-root": (note(f"{ORIGIN}\n7\n{mth(LEAVES).hex()}\n", LOG), 0),
        "empty-log-with-another-root": (note(f"{ORIGIN}\n0\n{root}\n", LOG), 0),
        "changed-size": (checkpoint(LOG, LEAVES).replace("\n7\n", "\n8\n"), 0),
        "another-log-of-that-name": (checkpoint(FALSE_LOG, LEAVES), 0),
        "signed-by-the-witness-alone": (note(text, WITNESS), 0),
        "signed-by-the-receipts-key": (note(text, RECEIPTS), 0),
        "witness-missing": (checkpoint(LOG, LEAVES), 1),
        "too-few-witnesses": (checkpoint(LOG, LEAVES, WITNESS), 2),
        "one-witness-by-two-names": (checkpoint(LOG, LEAVES, WITNESS, TWIN), 2),
        "stranger-for-a-witness": (checkpoint(LOG, LEAVES, STRANGER), 1),
        "bad-witness": (checkpoint(LOG, LEAVES) + bad(WITNESS, text), 0),
        "crlf": (checkpoint(LOG, LEAVES).replace("\n", "\r\n"), 0),
        "trailing-garbage": (checkpoint(LOG, LEAVES) + "x", 0),
    }
    common = {"log_key": LOG.vkey, "witnesses": vkeys(WITNESS, SECOND, TWIN)}
    cases: list[Case] = [
        {"name": name, "valid": True, "note": b64(text.encode()), "quorum": quorum, "size": size, **common}
        for name, (text, quorum, size) in good.items()
    ]
    return cases + [
        {"name": name, "valid": False, "note": b64(text.encode()), "quorum": quorum, **common}
        for name, (text, quorum) in broken.items()
    ]


def vkeys(*signers: Signer) -> list[str]:
    return [signer.vkey for signer in signers]
