"""What the measurements of labels have in common: pictures, keys, ways to sign, a signer in a process of its own."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Client as Connect
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from PIL import Image

from remarque.fingerprints import Limits, fingerprint
from remarque.labels.binding import soft_binding_value
from remarque.labels.contexts import c2pa
from remarque.labels.request import LabelRequest
from remarque.labels.signer import SigningKey, load_signing_key, make_development_pki
from remarque.labels.stamp import Prepared, Stamped, finish, prepare

SIDE = 1024
#: The least and the greatest part of a source that becomes a picture, as shares of its shorter side.
_PART = (0.6, 0.95)


@dataclass(frozen=True, slots=True)
class Known:
    """A picture whose pixels and fingerprints are known: the file, and the value of its soft binding."""

    data: bytes = field(repr=False)
    soft_binding: str


def pictures(count: int, side: int = SIDE) -> list[bytes]:
    """Photo-like PNGs of side x side pixels, all different, the same every time: parts of photographs, enlarged."""
    photographs = (skimage.data.astronaut, skimage.data.coffee, skimage.data.chelsea)
    sources = [Image.fromarray(one()) for one in photographs]  # type: ignore[no-untyped-call]  # scikit-image's
    random = np.random.default_rng(4)
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        part = round(min(source.size) * random.uniform(*_PART))
        left, top = (int(random.integers(0, length - part + 1)) for length in source.size)
        picture = source.crop((left, top, left + part, top + part)).resize((side, side), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        picture.save(file, "PNG")
        made.append(file.getvalue())
    return made


def known(data: bytes) -> Known:
    """The picture with what a service knows of it before it signs."""
    prints = fingerprint(data, Limits(), interop=False, iscc=True)
    if prints.iscc is None:
        raise ValueError("the picture has no Image-Code")
    return Known(data, soft_binding_value(prints.iscc))


def request() -> LabelRequest:
    """A label like those of a generator."""
    return LabelRequest(
        id=str(uuid.uuid4()),
        system="Atelier Diffusion",
        system_version="3.1",
        provider="Atelier Ltd",
        created_at=datetime.now(UTC),
    )


def key_in(folder: Path) -> SigningKey:
    """A development key, made there if need be."""
    make_development_pki(folder)
    return load_signing_key(folder / "chain.pem", folder / "key.pem")


def prepared(picture: Known, key: SigningKey) -> Prepared:
    """The first step of signing."""
    return prepare(picture.data, request(), key.certificate, soft_binding=picture.soft_binding)


def signed(picture: Known, key: SigningKey) -> Stamped:
    """The signing path: everything that a service does once pixels and fingerprints are known, but put it on record."""
    made = prepared(picture, key)
    return finish(made, key.sign(made.to_be_signed))


class LibraryDefault:
    """Signing as the C2PA library does it unless told otherwise: a thumbnail, and what was signed is verified."""

    def __init__(self, folder: Path) -> None:
        """``folder`` holds the chain and the key that ``key_in`` made."""
        chain, key = (folder / "chain.pem").read_bytes(), (folder / "key.pem").read_bytes()
        self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
        action = {
            "action": "c2pa.created",
            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        }
        self._definition = json.dumps(
            {
                "claim_generator_info": [{"name": "A measurement", "version": "1"}],
                "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
            }
        )

    def sign(self, data: bytes) -> bytes:
        """Sign a PNG."""
        out = io.BytesIO()
        with c2pa.Builder(self._definition) as builder:
            builder.sign(self._signer, "image/png", io.BytesIO(data), out)
        return out.getvalue()


class RemoteSigner:
    """Signs in another process, which takes its time: as a key service somewhere in a network does."""

    def __init__(self, address: str, key: SigningKey) -> None:
        self._address = address
        self._own = threading.local()
        self.key = SigningKey(certificate=key.certificate, sign=self.sign)

    def sign(self, message: bytes) -> bytes:
        """The signature (DER). Each thread has a connection of its own."""
        if not hasattr(self._own, "connection"):
            self._own.connection = Connect(self._address, "AF_UNIX")
        connection: Connection[Any, Any] = self._own.connection
        connection.send_bytes(hashlib.sha256(message).digest())
        return connection.recv_bytes()


@contextmanager
def remote_signer(folder: Path, seconds: float) -> Iterator[RemoteSigner]:
    """A signer that answers after ``seconds``, with the key that ``key_in`` made in the folder."""
    key, address = key_in(folder), str(folder / f"signer-{os.getpid()}")
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Event()
    process = spawning.Process(target=_serve, args=(address, folder / "key.pem", seconds, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(60):
            raise TimeoutError("the signer did not start")
        yield RemoteSigner(address, key)
    finally:
        process.terminate()
        process.join()


def _serve(address: str, key_file: Path, seconds: float, ready: Any) -> None:
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the development key is an EC key")
    listener = Listener(address, "AF_UNIX", backlog=64)
    ready.set()
    while True:
        threading.Thread(target=_answer, args=(listener.accept(), key, seconds), daemon=True).start()


def _answer(connection: Connection[Any, Any], key: ec.EllipticCurvePrivateKey, seconds: float) -> None:
    try:
        while True:
            digest = connection.recv_bytes()
            time.sleep(seconds)
            connection.send_bytes(key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
    except EOFError:  # the caller is done
        connection.close()
