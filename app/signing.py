"""What signs labels, exchanged while the service runs; and the roots that verifications trust."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from app.settings import Settings
from remarque.errors import SigningUnavailable
from remarque.labels.signer import Sign, SigningKey, callback_key, load_signing_key, make_development_pki, read_file
from remarque.labels.stamp import prove_signer
from remarque.labels.timestamps import TimeStamps
from remarque.labels.waits import TooSlow, Waits

PKI = "pki"
#: Seconds between two looks at the files of the signer: a stat of two files is nothing, a label a millisecond.
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)

#: What tells that a file was replaced: its number, time and size.
_Look = tuple[tuple[int, int, int] | None, ...]


class Signing:
    """The key that signs, the roots that verifications trust, the development root, and where time-stamps come from.

    The files of the key are looked at again while the service runs. A new key is taken when it has passed every check;
    until then the one before goes on. Safe to use from many threads.
    """

    def __init__(
        self,
        read: Callable[[], SigningKey],
        files: tuple[Path, ...],
        *,
        trust_anchors: bytes = b"",
        development_root: bytes = b"",
        time_stamps: TimeStamps | None = None,
        look_seconds: float = LOOK_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``read`` gives a checked key out of ``files``. Raises SigningUnavailable, saying why it cannot be used."""
        self.trust_anchors = trust_anchors
        self.development_root = development_root
        self.time_stamps = time_stamps
        self._read, self._files, self._look_seconds, self._now = read, files, look_seconds, now
        self._looking = threading.Lock()
        self._seen = self._look()
        self._refused = ""
        self._key = read()
        self._look_at = time.monotonic() + look_seconds
        self.prove()

    @classmethod
    def load(cls, settings: Settings) -> Signing:
        """Read the key that the settings name, or the development one. Raises SigningUnavailable, saying why."""
        anchors = b"" if settings.trust_anchors is None else settings.trust_anchors.read_bytes()
        time_stamps = None if settings.tsa_url is None else TimeStamps(settings.tsa_url, timeout=settings.tsa_seconds)
        chain, key, signer = settings.c2pa_chain, settings.c2pa_key, settings.c2pa_signer
        if key is not None and signer is not None:
            raise SigningUnavailable("REMARQUE_C2PA_KEY and REMARQUE_C2PA_SIGNER exclude each other.")
        if (chain is None) != (key is None and signer is None):
            raise SigningUnavailable(
                "REMARQUE_C2PA_CHAIN is set together with REMARQUE_C2PA_KEY or REMARQUE_C2PA_SIGNER, or not at all."
            )
        if chain is not None and key is not None:
            pair = (chain, key)
            return cls(lambda: load_signing_key(*pair), pair, trust_anchors=anchors, time_stamps=time_stamps)
        if chain is not None and signer is not None:
            named, seconds = signer, settings.c2pa_signer_seconds
            certificates = chain
            return cls(
                lambda: callback_key(read_file(certificates), limited(factory(named), seconds)),
                (certificates,),
                trust_anchors=anchors,
                time_stamps=time_stamps,
            )
        pki = settings.data_dir / PKI
        own = (pki / "chain.pem", pki / "key.pem")
        root = read_file(pki / "root.pem")
        return cls(
            lambda: load_signing_key(*own), own, trust_anchors=anchors, development_root=root, time_stamps=time_stamps
        )

    @property
    def key(self) -> SigningKey:
        """See ``current``."""
        return self.current()

    def current(self) -> SigningKey:
        """The key to sign with now. Hold on to it from ``prepare`` to ``finish``: the next call may give another.

        Raises SigningUnavailable when its certificate has ended and nothing better was put in its place.
        """
        if time.monotonic() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._exchange()
            finally:
                self._looking.release()
        key = self._key
        if self._now() > key.certificate.expires:
            why = f" What was put in its place is not used: {self._refused}" if self._refused else ""
            raise SigningUnavailable(f"The signing certificate expired on {key.certificate.expires:%Y-%m-%d}.{why}")
        return key

    def prove(self) -> None:
        """Label a drawn picture and read it back. Raises SigningUnavailable if that label does not hold."""
        prove_signer(self._key)

    def close(self) -> None:
        """Let go of the connections to the time-stamp authority."""
        if self.time_stamps is not None:
            self.time_stamps.close()

    def _exchange(self) -> None:
        """Take a new key where the files have changed and it passes the checks."""
        self._look_at = time.monotonic() + self._look_seconds
        looks = self._look()
        if looks == self._seen and not self._refused:
            return
        try:
            key = self._read()
            prove_signer(key)
        except SigningUnavailable as error:
            if str(error) != self._refused:
                log.error("The new signing key is not used, the one before stays: %s", error)
            self._seen, self._refused = looks, str(error)  # looked at again, even if it does not change: it may be half
            return
        self._seen, self._refused, self._key = looks, "", key
        signed_by = key.certificate
        log.info(
            "Labels are signed by %s from now on, certificate %s, until %s",
            signed_by.subject,
            signed_by.thumbprint,
            signed_by.expires.isoformat(),
        )

    def _look(self) -> _Look:
        return tuple(map(_stat, self._files))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # reading it says what is wrong
    return found.st_ino, found.st_mtime_ns, found.st_size


def factory(named: str) -> Sign:
    """Call the factory that ``package.module:function`` names: it gives a function that signs.

    Raises SigningUnavailable, saying what is wrong with it.
    """
    module, _, name = named.partition(":")
    if not module or not name:
        raise SigningUnavailable("REMARQUE_C2PA_SIGNER names a factory: package.module:function.")
    try:
        sign = getattr(importlib.import_module(module), name)()
    except Exception as error:  # an operator's code, which may raise anything
        log.error("REMARQUE_C2PA_SIGNER: %s gave no signer", named, exc_info=error)
        raise SigningUnavailable(f"REMARQUE_C2PA_SIGNER: {named} gave no signer: {type(error).__name__}.") from error
    if not callable(sign):
        raise SigningUnavailable(f"REMARQUE_C2PA_SIGNER: {named} gave something that cannot be called.")
    return cast(Sign, sign)


def limited(sign: Sign, seconds: float) -> Sign:
    """The same function with a time limit; whatever goes wrong in it is SigningUnavailable, and logged."""
    waits = Waits("the signer", sign, seconds=seconds)

    def signed(message: bytes) -> bytes:
        try:
            return waits(message)
        except TooSlow as error:
            log.warning("no signature: %s; %d calls have not come back", error, waits.abandoned)
            raise SigningUnavailable(f"No signature: {error}.") from error
        except Exception as error:  # an operator's code, which may raise anything
            log.error("the signer failed", exc_info=error)
            raise SigningUnavailable("The signer failed.") from error

    return signed


def prepare_development_keys(settings: Settings) -> bool:
    """Make the development certificate where none is configured and none was made before. Returns whether it did."""
    pki = settings.data_dir / PKI
    if settings.c2pa_chain is not None or (pki / "chain.pem").exists():
        return False
    make_development_pki(pki)
    return True
