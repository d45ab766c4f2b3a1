"""One witness as the service sees it: asked over HTTP with bounded patience, left alone for a while when it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from app.settings import Settings
from remarque import __version__
from remarque.errors import InvalidInput, LogError
from remarque.labels.waits import TooSlow, Waits
from remarque.log.vkeys import KeyType, VerifierKey
from remarque.log.witness import PATH, SIZE_TYPE, AddCheckpoint, Why, read_size
from remarque.transport import service_address

#: Seconds for one answer. A witness verifies two signatures, writes 300 bytes and answers.
TIMEOUT = 5.0
#: After so many failures in a row it is left alone, for so many seconds: an outage costs one time-out a minute.
FAILURES = 3
PAUSE = 60.0
#: Signature lines of 100 keys are 15 KB.
MAX_ANSWER = 1 << 16

log = logging.getLogger(__name__)

#: The request from an old size on.
Ask = Callable[[int], AddCheckpoint]


class NotCosigned(Exception):
    """A witness did not sign. ``why`` tells failures apart; the text says more. Callers log it."""

    def __init__(self, why: str, message: str, *, grave: bool = False) -> None:
        super().__init__(message)
        self.why = why
        #: Whether somebody has to look, because it does not pass by itself.
        self.grave = grave


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness of the settings: its key, and the address below which it is asked."""

    key: VerifierKey
    url: str

    def to_text(self) -> str:
        """Return ``<vkey> <url>``."""
        return f"{self.key.to_text()} {self.url}"

    @classmethod
    def parse(cls, text: str) -> WitnessAddress:
        """Inverse of ``to_text``. Raises LogError."""
        vkey, space, url = text.partition(" ")
        key = VerifierKey.parse(vkey)
        if not space or key.kind is not KeyType.COSIGNATURE:
            raise LogError(f"a witness is a key of type 4 and an address, {key.name} is not")
        try:
            return cls(key, service_address(url))
        except InvalidInput:
            raise LogError(
                f"the address of the witness {key.name} is not of the form https://witness.example"
            ) from None


def witnesses_of(settings: Settings) -> tuple[WitnessAddress, ...]:
    """The witnesses that the settings name. Raises LogError on one that cannot be read or stands there twice."""
    items = [item.strip() for item in (settings.witnesses or "").split(",")]
    found = tuple(WitnessAddress.parse(item) for item in items if item)
    if len({witness.key.public for witness in found}) != len(found):
        raise LogError("two witnesses of the settings have the same key")
    return found


class WitnessClient:
    """Asks one witness, one request at a time."""

    def __init__(
        self, witness: WitnessAddress, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.key = witness.key
        self._url = f"{witness.url}/{PATH}"
        self._client = httpx.Client(timeout=timeout, headers={"User-Agent": f"remarque/{__version__}"})
        # httpx limits each read, not the whole answer; Waits limits that.
        self._post = Waits(f"the witness {self.key.name}", self._exchange, seconds=timeout, places=1)
        self._clock = clock
        #: Where the witness stands, as far as it is known; it tells if it is not.
        self._size = 0
        self._failed = 0
        self._again_at = 0.0
        self._said = ""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def resting(self) -> bool:
        """Whether it failed and is left alone for now."""
        return self._failed >= FAILURES and self._clock() < self._again_at

    def cosignatures(self, size: int, ask: Ask) -> bytes:
        """The signature lines for the checkpoint of that size, not verified. ``ask`` makes the request from an old
        size on. Raises NotCosigned."""
        try:
            answer = self._answered(size, ask)
        except (TooSlow, httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotCosigned("no-answer", f"no answer: {error or type(error).__name__}") from error
        self._size = size
        return answer

    def succeeded(self) -> None:
        """Note that it signed."""
        if self._said:
            log.warning("The witness %s signs again.", self.key.name)
        self._failed, self._said = 0, ""

    def failed(self, error: NotCosigned) -> None:
        """Note that it did not, and say so once for each reason."""
        self._failed += 1
        self._again_at = self._clock() + PAUSE
        if error.why != self._said:
            level = logging.ERROR if error.grave else logging.WARNING
            log.log(level, "The witness %s did not sign the log's checkpoint: %s", self.key.name, error)
        self._said = error.why

    def _answered(self, size: int, ask: Ask) -> bytes:
        """Ask from where the witness is thought to stand, and once more from where it says that it does."""
        old = min(self._size, size)
        status, media_type, body = self._post(ask(old).to_bytes())
        told = _told_size(media_type, body) if status == Why.CONFLICT else None
        if told is not None and told != old:
            if told > size:
                raise NotCosigned(
                    "ahead",
                    f"it signed one at size {told}, and the log is at {size}. Unless another host of this registry "
                    "published it just now, this database is not the log that was published (docs/witness.md)",
                    grave=True,
                )
            status, _, body = self._post(ask(told).to_bytes())
        if status == httpx.codes.OK:
            return body
        text = body[:200].decode(errors="replace").strip()
        said = "".join(character if character.isprintable() else " " for character in text)  # one line of the log
        if status in (Why.CONFLICT, Why.INCONSISTENT):
            message = f"THE LOG MAY HAVE TWO HISTORIES: at size {size} it answered {status} {said}"
            raise NotCosigned("fork", message, grave=True)
        grave = status in set(Why)
        raise NotCosigned(f"status-{status}", f"it answered {status} {said}", grave=grave)

    def _exchange(self, body: bytes) -> tuple[int, str, bytes]:
        answer = b""
        with self._client.stream("POST", self._url, content=body) as response:
            for chunk in response.iter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER:
                    raise httpx.DecodingError(f"an answer of more than {MAX_ANSWER} bytes")
            return response.status_code, response.headers.get("content-type", ""), answer


def _told_size(media_type: str, body: bytes) -> int | None:
    """The size in an answer of 409; None where it holds none."""
    if media_type.partition(";")[0].strip() != SIZE_TYPE:
        return None
    try:
        return read_size(body)
    except LogError as error:
        raise NotCosigned("no-size", f"it answered 409 with a size that cannot be read: {error}", grave=True) from error
