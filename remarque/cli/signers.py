"""Who signs a label: a service, a certificate of one's own, or a development key made on this machine.

Each signer is a context manager that gives its name and a function from a file name and bytes to what was signed.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from remarque.cli.files import state_dir
from remarque.client import Client
from remarque.errors import InvalidLabelRequest
from remarque.preferences import DEFAULT_PREFERENCES, Category, Preference

if TYPE_CHECKING:
    from remarque.labels.signer import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the labels of a run say."""

    system: str
    system_version: str | None
    provider: str | None
    digital_source_type: str
    preferences: Mapping[Category, Preference]
    constraint: str | None = None
    prompt: str | None = None
    profiles: tuple[str, ...] = ()
    cn_producer: str | None = None
    keep_metadata: bool = True
    on_invalid: Literal["refuse", "replace"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A labelled picture, the id of its label, what was written, and where its public record lies, if it has one.

    ``warnings`` are short codes of what is not as it could be.
    """

    data: bytes
    id: str
    layers: list[str]
    record: str | None = None
    warnings: list[str] = field(default_factory=list)


Signer = tuple[str, Callable[[str, bytes], Signed]]


@contextmanager
def registry_signer(
    wish: Wish, registry: str, key: str | None, *, sleep: Callable[[float], object] = time.sleep
) -> Iterator[Signer]:
    """The service signs and keeps a public record. ``sleep`` waits before a request is sent again.

    Raises the errors of the client.
    """
    with Client(registry, key, sleep=sleep) as client:

        def sign(name: str, data: bytes) -> Signed:
            labelled = client.label(
                (name, data),
                system=wish.system,
                system_version=wish.system_version,
                provider=wish.provider,
                digital_source_type=wish.digital_source_type,
                preferences=wish.preferences,
                constraint=wish.constraint,
                prompt=wish.prompt,
                profiles=wish.profiles or None,
                keep_metadata=None if wish.keep_metadata else False,
                on_invalid=wish.on_invalid,
            )
            return Signed(
                data=labelled.data,
                id=labelled.label_id,
                layers=labelled.layers,
                record=labelled.describedby,
                warnings=labelled.warnings,
            )

        yield client.base_url, sign


@contextmanager
def cert_signer(wish: Wish, cert: Path, cert_key: Path) -> Iterator[Signer]:
    """A certificate of one's own signs. Raises SigningUnavailable, MissingExtra."""
    from remarque.labels.signer import load_signing_key

    yield str(cert), _local(wish, load_signing_key(cert, cert_key), trust_anchors=b"")


@contextmanager
def development_signer(wish: Wish) -> Iterator[Signer]:
    """A development key signs; it is made at the first use. Raises SigningUnavailable, MissingExtra."""
    from remarque.labels.signer import load_signing_key, make_development_pki

    folder = development_pki()
    make_development_pki(folder)
    key = load_signing_key(folder / "chain.pem", folder / "key.pem")
    root = (folder / "root.pem").read_bytes()
    yield f"the local development key in {folder}, which nobody else trusts", _local(wish, key, trust_anchors=root)


def development_pki() -> Path:
    """Where the development key of this user lies: root.pem, chain.pem, key.pem."""
    return state_dir() / "development-pki"


def _local(wish: Wish, key: "SigningKey", *, trust_anchors: bytes) -> Callable[[str, bytes], Signed]:
    from remarque.labels.request import LabelRequest
    from remarque.labels.stamp import stamp

    def request() -> LabelRequest:
        fields: dict[str, Any] = {
            "system": wish.system,
            "system_version": wish.system_version,
            "provider": wish.provider,
            "digital_source_type": wish.digital_source_type,
            "preferences": {**DEFAULT_PREFERENCES, **wish.preferences},
            "constraint": wish.constraint,
            "prompt": wish.prompt,
            "profiles": wish.profiles,
            "cn_producer": wish.cn_producer,
        }
        return LabelRequest(id=str(uuid.uuid4()), created_at=datetime.now(UTC), **fields)

    def sign(name: str, data: bytes) -> Signed:
        asked = request()
        stamped = stamp(
            data,
            asked,
            key,
            on_invalid=wish.on_invalid,
            trust_anchors=trust_anchors,
            keep_metadata=wish.keep_metadata,
        )
        warnings = [*stamped.warnings, *(["replaced_invalid_manifest"] if stamped.replaced_invalid else [])]
        return Signed(data=stamped.data, id=asked.id, layers=stamped.layers, warnings=warnings)

    try:
        request()  # what a label cannot say is wrong use, and told before any picture is read
    except InvalidLabelRequest as error:
        raise typer.BadParameter(str(error)) from None
    return sign
