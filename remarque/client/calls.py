"""Every request of the clients, said once: what is sent, and how the answer is read and checked.

What is asked for wrongly is told here, before anything is sent.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from remarque.answers import (
    Check,
    Credentials,
    Declaration,
    DeclarationList,
    Depth,
    Dispute,
    DisputeList,
    DisputeStatus,
    Erasure,
    Fingerprint,
    HashCheck,
    LabelRecord,
    Outcome,
    Verification,
)
from remarque.client import receipts
from remarque.client.receipts import OwnCheck
from remarque.client.values import Bitmap, Claims, Hashes, Image, Labelled, LabelWish, Statement
from remarque.codec import from_json, to_json
from remarque.errors import AnswerNotUnderstood, InvalidFingerprint, InvalidRequest
from remarque.log.asked import Item
from remarque.preferences import Category, Preference, parse_category, parse_preferences
from remarque.transport import Answer, Call, Parts

PDQ_BYTES = 32
T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_OCTETS = "application/octet-stream"
_JSON = "application/json"


# Parties and keys


def create_party(display_name: str | None, kind: str | None) -> Call[Credentials]:
    body = _given(display_name=display_name, kind=kind)
    return Call(method="POST", path="/v1/parties", read=_reads(Credentials), repeatable=False, json=body)


def create_key(
    scopes: Sequence[str], party: str | None, label: str | None, labels_a_day: int | None
) -> Call[Credentials]:
    body = {"scopes": list(scopes)} | _given(party=party, label=label, labels_a_day=labels_a_day)
    return Call(method="POST", path="/v1/keys", read=_reads(Credentials), repeatable=False, json=body)


# Declarations


def declare(image: Image, statement: Statement) -> Call[Declaration]:
    parts = _with_json("declaration", _statement(statement), image)
    return Call(method="POST", path="/v1/declarations", read=_reads(Declaration), parts=parts)


def declare_fingerprints(fingerprints: Sequence[Fingerprint], statement: Statement) -> Call[Declaration]:
    told = [_given(**to_json(item)) for item in fingerprints]
    body = {"fingerprints": told} | _statement(statement)
    return Call(method="POST", path="/v1/declarations", read=_reads(Declaration), json=body)


def declaration(id: str) -> Call[Declaration]:
    return Call(method="GET", path=f"/v1/declarations/{_segment(id)}", read=_reads(Declaration))


def declarations(cursor: str | None) -> Call[DeclarationList]:
    return Call(method="GET", path="/v1/declarations", read=_reads(DeclarationList), params=_given(cursor=cursor))


def next_cursor(page: DeclarationList, seen: set[str]) -> str | None:
    """The cursor of the page after this one, None at the end. Raises AnswerNotUnderstood where it was ``seen``."""
    cursor = page.next_cursor
    if cursor in seen:
        raise AnswerNotUnderstood("the list of declarations has no end: a cursor came twice")
    if cursor is not None:
        seen.add(cursor)
    return cursor


def set_preferences(id: str, preferences: Mapping[Category, Preference] | Mapping[str, str]) -> Call[Declaration]:
    path, body = f"/v1/declarations/{_segment(id)}/preferences", {"preferences": _preferences(preferences)}
    return Call(method="PUT", path=path, read=_reads(Declaration), json=body)


def withdraw(id: str) -> Call[Declaration]:
    return Call(method="POST", path=f"/v1/declarations/{_segment(id)}/withdraw", read=_reads(Declaration))


def erase(id: str) -> Call[Declaration]:
    return Call(method="POST", path=f"/v1/declarations/{_segment(id)}/erase", read=_reads(Declaration))


def erase_party(id: str) -> Call[Erasure]:
    return Call(method="POST", path=f"/v1/parties/{_segment(id)}/erase", read=_reads(Erasure))


def receipt(id: str) -> Call[bytes]:
    def read(answer: Answer) -> bytes:
        return receipts.artists_receipt(answer.response.content)

    return Call(method="GET", path=f"/v1/declarations/{_segment(id)}/receipt", read=read)


# Disputes


def dispute(declaration: str, reason: str, evidence_url: str | None) -> Call[Dispute]:
    path, body = f"/v1/declarations/{_segment(declaration)}/disputes", {"reason": reason}
    return Call(method="POST", path=path, read=_reads(Dispute), json=body | _given(evidence_url=evidence_url))


def read_dispute(id: str) -> Call[Dispute]:
    return Call(method="GET", path=f"/v1/disputes/{_segment(id)}", read=_reads(Dispute))


def disputes(status: DisputeStatus | str | None, cursor: str | None) -> Call[DisputeList]:
    params = _given(status=None if status is None else str(status), cursor=cursor)
    return Call(method="GET", path="/v1/disputes", read=_reads(DisputeList), params=params)


def decide(dispute: str, outcome: Outcome | str, reason: str) -> Call[Dispute]:
    # A second time is refused: after a broken connection only reading the dispute tells whether it was decided.
    path, body = f"/v1/disputes/{_segment(dispute)}/decision", {"outcome": str(outcome), "reason": reason}
    return Call(method="POST", path=path, read=_reads(Dispute), repeatable=False, json=body)


# Checks


def check(
    images: Sequence[Image], purpose: Category | str, depth: Depth | str | None, claims: Claims | None, receipt: bool
) -> Call[Check]:
    if not images:
        raise InvalidRequest("name at least one picture to check")
    named = [_named(image, f"image-{i}") for i, image in enumerate(images)]

    def read(answer: Answer) -> Check:
        check = from_json(Check, answer.json())
        if len(check.results) != len(images):
            raise AnswerNotUnderstood(f"{len(images)} pictures were sent, {len(check.results)} results came back")
        return receipts.of_pictures(check, [data for _, data in named]) if receipt else check

    parts: Parts = [("image", (name, data, _OCTETS)) for name, data in named]
    params = _check_params(purpose, claims, receipt) | _given(depth=None if depth is None else str(depth))
    return Call(method="POST", path="/v1/checks", read=read, params=params, parts=parts)


def check_hashes(
    hashes: Hashes, alg: str, purpose: Category | str, claims: Claims | None, receipt: bool
) -> Call[HashCheck]:
    params = _check_params(purpose, claims, receipt)
    if isinstance(hashes, bytes | np.ndarray):
        packed = _packed(hashes, alg)
        return Call(
            method="POST",
            path="/v1/checks",
            read=_reads_hashes(len(packed) // PDQ_BYTES, _items(packed) if receipt else None),
            params=params | {"alg": alg},
            content=packed,
            headers=_octets(),
        )
    body = {"alg": alg, "hashes": list(hashes)}
    items = ((alg, value) for value in hashes) if receipt else None
    return Call(method="POST", path="/v1/checks", read=_reads_hashes(len(hashes), items), params=params, json=body)


def check_bitmap(
    hashes: bytes | npt.NDArray[np.uint8], purpose: Category | str, claims: Claims | None, receipt: bool
) -> Call[Bitmap]:
    packed = _packed(hashes, "pdq")

    def read(answer: Answer) -> Bitmap:
        bitmap = _bitmap(answer, len(packed) // PDQ_BYTES)
        if receipt:
            receipts.require(bitmap.receipt, bitmap.tree_size, bitmap.root, _items(packed))
        return bitmap

    return Call(
        method="POST",
        path="/v1/checks",
        read=read,
        params=_check_params(purpose, claims, receipt) | {"alg": "pdq"},
        content=packed,
        headers=_octets() | {"Accept": _OCTETS},
    )


def check_receipt(tree_size: int, root: str, items_root: str, counts: Mapping[str, int], told: OwnCheck) -> Call[bytes]:
    body = {"tree_size": tree_size, "root": root, "items_root": items_root, "counts": dict(counts)} | _given(**told)

    def read(answer: Answer) -> bytes:
        note = answer.response.content
        receipts.require_root(note.decode(errors="replace"), tree_size, root, items_root, counts)
        return note

    return Call(method="POST", path="/v1/receipts/checks", read=read, json=body)


# Labels


def label(image: Image, wish: LabelWish) -> Call[Labelled]:
    told = _known(wish, LabelWish, "a label")
    if "system" not in told:
        raise TypeError("a label needs a system")
    name, data = _named(image, "image")

    def read(answer: Answer) -> Labelled:
        labelled = _labelled(answer)
        if labelled.data == data:
            raise AnswerNotUnderstood("the picture came back as it was sent, without a label")
        return labelled

    return Call(
        method="POST",
        path="/v1/labels",
        read=read,
        repeatable=False,
        parts=_with_json("label", told, (name, data)),
        headers={"Accept": "image/*, application/problem+json"},
    )


def label_record(id: str) -> Call[LabelRecord]:
    return Call(method="GET", path=f"/v1/labels/{_segment(id)}", read=_reads(LabelRecord))


def verify(image: Image) -> Call[Verification]:
    _, data = _named(image, "image")
    return Call(method="POST", path="/v1/verifications", read=_reads(Verification), content=data, headers=_octets())


# What is sent


def _named(image: Image, default: str) -> tuple[str, bytes]:
    """The name and the bytes of a picture. Raises OSError where its file cannot be read."""
    if isinstance(image, bytes):
        return default, image
    if isinstance(image, Path):
        # A file name that is not UTF-8 cannot travel as it is.
        return image.name.encode("utf-8", "replace").decode(), image.read_bytes()
    return image


def _with_json(name: str, document: object, image: Image) -> Parts:
    file, data = _named(image, "image")
    return [("image", (file, data, _OCTETS)), (name, (None, json.dumps(document).encode(), _JSON))]


def _statement(given: Statement) -> dict[str, Any]:
    return _known(given, Statement, "a declaration")


def _known(given: Mapping[str, Any], fields: type, what: str) -> dict[str, Any]:
    """The JSON of what was given. Raises TypeError for an unknown field, InvalidPreference, InvalidRequest."""
    unknown = given.keys() - fields.__annotations__.keys()
    if unknown:
        raise TypeError(f"{what} has no {', '.join(sorted(unknown))}")
    told = {name: to_json(value) for name, value in given.items() if value is not None}
    preferences = given.get("preferences")
    return told if preferences is None else told | {"preferences": _preferences(preferences)}


def _preferences(given: Mapping[Category, Preference] | Mapping[str, str]) -> dict[str, str]:
    return {category.value: value.value for category, value in parse_preferences(dict(given.items())).items()}


def _check_params(purpose: Category | str, claims: Claims | None, receipt: bool) -> dict[str, str]:
    return _given(purpose=parse_category(purpose).value, claims=claims, receipt="1" if receipt else None)


def _given(**values: Any) -> dict[str, Any]:
    """What was given: everything that is not None."""
    return {name: value for name, value in values.items() if value is not None}


def _octets() -> dict[str, str]:
    return {"Content-Type": _OCTETS}


def _segment(id: str) -> str:
    """An id as a segment of a path. Raises InvalidRequest for what no id of the service looks like."""
    if _ID.fullmatch(id) is None:
        raise InvalidRequest(f"{id[:40]!r} is no id")
    return id


def _packed(hashes: bytes | npt.NDArray[np.uint8], alg: str) -> bytes:
    """PDQ hashes as bytes, 32 each. Raises InvalidFingerprint."""
    if alg != "pdq":
        raise InvalidFingerprint(f"only pdq has a binary form, {alg!r} goes as hexadecimal text")
    if isinstance(hashes, np.ndarray):
        if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] != PDQ_BYTES:
            raise InvalidFingerprint(f"hashes are a uint8 array of shape (n, 32), not {hashes.dtype} {hashes.shape}")
        hashes = hashes.tobytes()
    if len(hashes) % PDQ_BYTES != 0:
        raise InvalidFingerprint(f"a pdq hash has {PDQ_BYTES} bytes; {len(hashes)} bytes are no whole number of them")
    return hashes


def _items(packed: bytes) -> Iterator[Item]:
    """PDQ hashes as the items of a receipt."""
    return (("pdq", packed[start : start + PDQ_BYTES].hex()) for start in range(0, len(packed), PDQ_BYTES))


# What is read


def _reads(cls: type[T]) -> Callable[[Answer], T]:
    return lambda answer: from_json(cls, answer.json())


def _reads_hashes(count: int, items: Iterable[Item] | None) -> Callable[[Answer], HashCheck]:
    """``items``: what the receipt has to be about, where one was asked for."""

    def read(answer: Answer) -> HashCheck:
        check = from_json(HashCheck, answer.json())
        if check.count != count or any(not 0 <= hit.i < count for hit in check.hits):
            raise AnswerNotUnderstood(f"{count} hashes were sent, the answer speaks of others")
        return check if items is None else receipts.of_hashes(check, items)

    return read


def _bitmap(answer: Answer, count: int) -> Bitmap:
    """Bit i is bit i % 8, least significant first, of byte i // 8; the bits after the last hash are 0."""
    headers, content = answer.response.headers, answer.response.content
    tree_size, root = headers.get("Remarque-Tree-Size", ""), headers.get("Remarque-Root", "")
    if re.fullmatch(r"[0-9]{1,18}", tree_size) is None or re.fullmatch(r"[0-9a-f]{64}", root) is None:
        raise AnswerNotUnderstood("the bitmap does not name the state of the registry that it holds for")
    octets = np.frombuffer(content, np.uint8)
    if headers.get("Content-Type") != _OCTETS or len(octets) != (count + 7) // 8:
        raise AnswerNotUnderstood(f"expected a bitmap for {count} hashes, got {len(octets)} bytes of another kind")
    bits = np.unpackbits(octets, bitorder="little").astype(np.bool_)
    if bits[count:].any():
        raise AnswerNotUnderstood("the bitmap speaks of hashes that were not sent")
    return Bitmap(bits[:count], int(tree_size), root, receipts.in_headers(headers))


def _labelled(answer: Answer) -> Labelled:
    headers, content = answer.response.headers, answer.response.content
    label_id, layers = headers.get("Remarque-Label-Id", ""), _listed(headers.get("Remarque-Layers", ""))
    if not headers.get("Content-Type", "").startswith("image/") or not content or not label_id or not layers:
        raise AnswerNotUnderstood("the answer is no labelled picture")
    return Labelled(
        data=content,
        label_id=label_id,
        layers=layers,
        describedby=answer.response.links.get("describedby", {}).get("url"),
        warnings=_listed(headers.get("Remarque-Warnings", "")),
    )


def _listed(header: str) -> list[str]:
    return [item.strip() for item in header.split(",") if item.strip()]
