"""A client of the HTTP service that speaks the value types of ``remarque.answers``.

    with Client("https://registry.example", api_key="rmq_...") as client:
        declaration = client.declare(Path("picture.png"), preferences={"ai_training": "disallowed"})
        answer = client.check(Path("found.jpg"))

Every method raises the errors of ``remarque.errors``: ServiceUnreachable where no answer came, ServiceRefused where the
service answered with a problem, AnswerNotUnderstood where the answer does not fit the contract. What is asked for
wrongly is told before anything is sent (InvalidInput). Reading a ``Path`` raises OSError as usual.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypedDict, TypeVar, Unpack

import httpx
import numpy as np
import numpy.typing as npt

from remarque.answers import (
    Check,
    Credentials,
    Declaration,
    DeclarationList,
    Depth,
    Fingerprint,
    HashCheck,
    LabelRecord,
    Verification,
)
from remarque.codec import from_json, to_json
from remarque.errors import AnswerNotUnderstood, InvalidFingerprint, InvalidRequest
from remarque.preferences import DEFAULT_PURPOSE, Category, Preference, parse_category, parse_preferences
from remarque.transport import DEFAULT_TIMEOUT, Parts, Transport

#: A picture: its bytes, the file that holds them, or a name and the bytes.
Image = bytes | Path | tuple[str, bytes]

#: PDQ hashes: 64 hexadecimal digits each, or 32 bytes each, one after the other or as rows of a uint8 array (n, 32).
Hashes = Sequence[str] | bytes | npt.NDArray[np.uint8]

#: Whose permissions count: those of verified claims, or everybody's.
Claims = Literal["verified", "self"]

PDQ_BYTES = 32
T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_OCTETS = "application/octet-stream"


class Statement(TypedDict, total=False):
    """What a declaration may say; what is left out is left to the registry's defaults."""

    preferences: Mapping[Category, Preference] | Mapping[str, str] | None
    title: str | None
    creator: str | None
    url: str | None
    policy_url: str | None
    contact: str | None
    constraint: str | None
    valid_until: datetime | None


class Bitmap(NamedTuple):
    """One bit a hash, True = not free to use or could not be judged; shape (n,), dtype bool."""

    bits: npt.NDArray[np.bool_]
    tree_size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A labelled picture: the same format, the same pixels. ``describedby`` is the address of the public record."""

    data: bytes = field(repr=False)
    label_id: str
    layers: list[str]
    describedby: str | None = None


class Client:
    """One registry, with or without a key. Checks and reads are open; declaring, labelling and bulk need a key."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wire = Transport(base_url, api_key, timeout=timeout, transport=transport, sleep=sleep)

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The address of the registry, without a trailing slash."""
        return self._wire.base_url

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def ready(self) -> bool:
        """Whether the service answers that it is ready. False also where nothing answers; never raises."""
        return self._wire.ready()

    # Parties and keys

    def create_party(self, display_name: str | None = None, kind: str | None = None) -> Credentials:
        """Make a party and its key, with the scopes ``declare`` and ``check``. The key is shown this once."""
        body = _given(display_name=display_name, kind=kind)
        return self._ask(Credentials, "POST", "/v1/parties", repeatable=False, json=body)

    def create_key(self, scopes: Sequence[str], party: str | None = None, label: str | None = None) -> Credentials:
        """Make a key with these scopes; needs a key with the scope ``operate``."""
        body = {"scopes": list(scopes)} | _given(party=party, label=label)
        return self._ask(Credentials, "POST", "/v1/keys", repeatable=False, json=body)

    # Declarations

    def declare(self, image: Image, **statement: Unpack[Statement]) -> Declaration:
        """Declare a picture. It is hashed by the service and not kept. The same again gives the same declaration."""
        name, data = _named(image, "image")
        declaration = json.dumps(_statement(statement)).encode()
        parts = [("image", (name, data, _OCTETS)), ("declaration", (None, declaration, "application/json"))]
        return self._ask(Declaration, "POST", "/v1/declarations", repeatable=True, parts=parts)

    def declare_fingerprints(self, fingerprints: Sequence[Fingerprint], **statement: Unpack[Statement]) -> Declaration:
        """Declare a picture by its fingerprints; the picture stays where it is."""
        told = [_given(**to_json(item)) for item in fingerprints]
        body = {"fingerprints": told} | _statement(statement)
        return self._ask(Declaration, "POST", "/v1/declarations", repeatable=True, json=body)

    def declaration(self, id: str) -> Declaration:
        """Read one declaration. Fingerprints are shown to its party and the operator only."""
        return self._ask(Declaration, "GET", f"/v1/declarations/{_segment(id)}")

    def declarations(self, cursor: str | None = None) -> DeclarationList:
        """One page of the key's own declarations."""
        return self._ask(DeclarationList, "GET", "/v1/declarations", params=_given(cursor=cursor))

    def all_declarations(self) -> Iterator[Declaration]:
        """All of the key's own declarations, page after page."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = self.declarations(cursor)
            yield from page.declarations
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise AnswerNotUnderstood("the list of declarations has no end: a cursor came twice")
            seen.add(cursor)

    def set_preferences(self, id: str, preferences: Mapping[Category, Preference] | Mapping[str, str]) -> Declaration:
        """Change the named categories of a declaration; the others stay."""
        body = {"preferences": _preferences(preferences)}
        return self._ask(Declaration, "PUT", f"/v1/declarations/{_segment(id)}/preferences", json=body)

    def withdraw(self, id: str) -> Declaration:
        """End a declaration. It stays in the log and counts no more; a second time changes nothing."""
        return self._ask(Declaration, "POST", f"/v1/declarations/{_segment(id)}/withdraw")

    # Checks

    def check(
        self,
        *images: Image,
        purpose: Category | str = DEFAULT_PURPOSE,
        depth: Depth | str | None = None,
        claims: Claims | None = None,
    ) -> Check:
        """Check pictures, all in one request; ``results`` come in their order.

        A picture that cannot be read is ``unknown`` with the reason. ``claims="self"`` counts permissions that nobody
        verified.
        """
        if not images:
            raise InvalidRequest("name at least one picture to check")
        named = [_named(image, f"image-{i}") for i, image in enumerate(images)]
        parts: Parts = [("image", (name, data, _OCTETS)) for name, data in named]
        params = _check_params(purpose, claims) | _given(depth=None if depth is None else str(depth))
        check = self._ask(Check, "POST", "/v1/checks", params=params, parts=parts)
        if len(check.results) != len(images):
            raise AnswerNotUnderstood(f"{len(images)} pictures were sent, {len(check.results)} results came back")
        return check

    def check_hashes(
        self,
        hashes: Hashes,
        alg: str = "pdq",
        *,
        purpose: Category | str = DEFAULT_PURPOSE,
        claims: Claims | None = None,
    ) -> HashCheck:
        """Check hashes: hexadecimal text is sent as JSON, bytes and arrays as they are. The answer is sparse."""
        params = _check_params(purpose, claims)
        if isinstance(hashes, bytes | np.ndarray):
            packed = _packed(hashes, alg)
            count = len(packed) // PDQ_BYTES
            check = self._ask(
                HashCheck, "POST", "/v1/checks", params=params | {"alg": alg}, content=packed, headers=_octets()
            )
        else:
            count = len(hashes)
            body = {"alg": alg, "hashes": list(hashes)}
            check = self._ask(HashCheck, "POST", "/v1/checks", params=params, json=body)
        if check.count != count or any(not 0 <= hit.i < count for hit in check.hits):
            raise AnswerNotUnderstood(f"{count} hashes were sent, the answer speaks of others")
        return check

    def check_bitmap(
        self,
        hashes: bytes | npt.NDArray[np.uint8],
        *,
        purpose: Category | str = DEFAULT_PURPOSE,
        claims: Claims | None = None,
    ) -> Bitmap:
        """Check many PDQ hashes for one bit each; the densest form there is."""
        packed = _packed(hashes, "pdq")
        response = self._wire.send(
            "POST",
            "/v1/checks",
            repeatable=True,
            params=_check_params(purpose, claims) | {"alg": "pdq"},
            content=packed,
            headers=_octets() | {"Accept": _OCTETS},
        )
        return _bitmap(response, len(packed) // PDQ_BYTES)

    # Labels

    def label(
        self,
        image: Image,
        *,
        system: str,
        system_version: str | None = None,
        provider: str | None = None,
        digital_source_type: str | None = None,
        created_at: datetime | None = None,
        preferences: Mapping[Category, Preference] | Mapping[str, str] | None = None,
        on_invalid: str | None = None,
    ) -> Labelled:
        """Label a generated picture; needs a key with the scope ``label``. The pixels stay what they are."""
        name, data = _named(image, "image")
        label = _given(
            system=system,
            system_version=system_version,
            provider=provider,
            digital_source_type=digital_source_type,
            created_at=to_json(created_at),
            preferences=None if preferences is None else _preferences(preferences),
            on_invalid=on_invalid,
        )
        parts: Parts = [
            ("image", (name, data, _OCTETS)),
            ("label", (None, json.dumps(label).encode(), "application/json")),
        ]
        headers = {"Accept": "image/*, application/problem+json"}
        return _labelled(self._wire.send("POST", "/v1/labels", repeatable=False, parts=parts, headers=headers))

    def label_record(self, id: str) -> LabelRecord:
        """Read the public record of a label."""
        return self._ask(LabelRecord, "GET", f"/v1/labels/{_segment(id)}")

    def verify(self, image: Image) -> Verification:
        """Read the labels of a file. ``nothing_found`` does not mean that no AI made it."""
        _, data = _named(image, "image")
        return self._ask(Verification, "POST", "/v1/verifications", content=data, headers=_octets())

    def _ask(self, cls: type[T], method: str, path: str, *, repeatable: bool = True, **request: Any) -> T:
        response = self._wire.send(method, path, repeatable=repeatable, **request)
        return from_json(cls, self._wire.get_json(response))


def _named(image: Image, default: str) -> tuple[str, bytes]:
    """The name and the bytes of a picture. Raises OSError where its file cannot be read."""
    if isinstance(image, bytes):
        return default, image
    if isinstance(image, Path):
        # A file name that is not UTF-8 cannot travel as it is.
        return image.name.encode("utf-8", "replace").decode(), image.read_bytes()
    return image


def _statement(given: Statement) -> dict[str, Any]:
    """The JSON of a declaration. Raises TypeError for an unknown field, InvalidPreference, InvalidRequest."""
    unknown = given.keys() - Statement.__annotations__.keys()
    if unknown:
        raise TypeError(f"a declaration has no {', '.join(sorted(unknown))}")
    told = {name: to_json(value) for name, value in given.items() if value is not None}
    preferences = given.get("preferences")
    return told if preferences is None else told | {"preferences": _preferences(preferences)}


def _preferences(given: Mapping[Category, Preference] | Mapping[str, str]) -> dict[str, str]:
    return {category.value: value.value for category, value in parse_preferences(dict(given.items())).items()}


def _check_params(purpose: Category | str, claims: Claims | None) -> dict[str, str]:
    return _given(purpose=parse_category(purpose).value, claims=claims)


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


def _bitmap(response: httpx.Response, count: int) -> Bitmap:
    """Bit i is bit i % 8, least significant first, of byte i // 8; the bits after the last hash are 0."""
    tree_size, root = response.headers.get("Remarque-Tree-Size", ""), response.headers.get("Remarque-Root", "")
    if re.fullmatch(r"[0-9]{1,18}", tree_size) is None or re.fullmatch(r"[0-9a-f]{64}", root) is None:
        raise AnswerNotUnderstood("the bitmap does not name the state of the registry that it holds for")
    octets = np.frombuffer(response.content, np.uint8)
    if response.headers.get("Content-Type") != _OCTETS or len(octets) != (count + 7) // 8:
        raise AnswerNotUnderstood(f"expected a bitmap for {count} hashes, got {len(octets)} bytes of another kind")
    bits = np.unpackbits(octets, bitorder="little").astype(np.bool_)
    if bits[count:].any():
        raise AnswerNotUnderstood("the bitmap speaks of hashes that were not sent")
    return Bitmap(bits[:count], int(tree_size), root)


def _labelled(response: httpx.Response) -> Labelled:
    label_id = response.headers.get("Remarque-Label-Id", "")
    layers = [layer.strip() for layer in response.headers.get("Remarque-Layers", "").split(",") if layer.strip()]
    if not response.headers.get("Content-Type", "").startswith("image/") or not label_id or not layers:
        raise AnswerNotUnderstood("the answer is no labelled picture")
    return Labelled(
        data=response.content,
        label_id=label_id,
        layers=layers,
        describedby=response.links.get("describedby", {}).get("url"),
    )
