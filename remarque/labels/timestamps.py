"""Time-stamps (RFC 3161) for labels: that a signature existed at a time, said by an authority of its own.

With one, a label stays valid when the certificate that signed it has ended. An authority that is slow or away costs no
label and hardly any time: see ``TimeStamps``.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable

import httpx

from remarque.errors import MissingExtra
from remarque.labels.tokens import NotAToken, read_answer
from remarque.labels.waits import TooSlow, Waits

try:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
except ModuleNotFoundError as error:  # pragma: no cover - an installation without the extra
    raise MissingExtra("label", "time-stamps") from error

#: Seconds for one answer. Authorities answer in a tenth; every label waits for it.
TIMEOUT = 2.0
#: After so many failures in a row nobody is asked: one or two happen to everybody, three are an outage.
FAILURES = 3
#: Seconds until it is tried again: a minute of labels without time-stamp, at most one time-out a minute.
PAUSE = 60.0
#: Answers carry the authority's certificates and stay under 10 KB, which is also the room in a manifest.
MAX_ANSWER = 1 << 16

#: 2.16.840.1.101.3.4.2.1, as DER has it.
_SHA256 = bytes.fromhex("608648016503040201")

log = logging.getLogger(__name__)


class TimeStamps:
    """Asks one time-stamp authority. Safe to use from many threads.

    After FAILURES in a row nobody is asked for PAUSE seconds; then one call tries, and the others still get nothing
    until it has succeeded.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = TIMEOUT,
        failures: int = FAILURES,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        # httpx limits each read, not the whole answer; Waits limits that.
        self._client = httpx.Client(timeout=timeout, follow_redirects=False)
        self._asked = Waits("the time-stamp authority", self._ask, seconds=timeout)
        self._failures, self._pause, self._clock = failures, pause, clock
        self._lock = threading.Lock()
        self._failed = 0
        self._again_at = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def token(self, message: bytes) -> bytes | None:
        """The time-stamp token (DER) over a message (``Prepared.to_be_time_stamped``), or None.

        Nothing that the authority does, or fails to do, is an error.
        """
        if not self._may_ask():
            return None
        try:
            token = self._asked(message)
        except (NotAToken, TooSlow, httpx.HTTPError, httpx.InvalidURL) as error:
            self._count(error)
            return None
        with self._lock:
            self._failed = 0
        return token

    def _may_ask(self) -> bool:
        with self._lock:
            if self._failed < self._failures:
                return True
            if self._clock() < self._again_at:
                return False
            self._again_at = self._clock() + self._pause  # this call tries; the others wait for what comes of it
            return True

    def _count(self, error: Exception) -> None:
        with self._lock:
            self._failed += 1
            if self._failed == self._failures:
                log.error("%s gave no time-stamp %d times; nobody is asked for a while.", self.url, self._failed)
            if self._failed >= self._failures:
                self._again_at = self._clock() + self._pause
        log.warning("no time-stamp from %s: %s", self.url, str(error) or type(error).__name__)

    def _ask(self, message: bytes) -> bytes:
        request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
        asked = request.cert_request(cert_request=True).nonce(nonce=True).build()
        headers = {"Content-Type": "application/timestamp-query"}
        with self._client.stream("POST", self.url, content=asked.as_bytes(), headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                raise NotAToken(f"the answer is HTTP {answer.status_code}")
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > MAX_ANSWER:
                    raise NotAToken("the answer is too long")
        return _checked(bytes(body), message, asked.nonce)


def _checked(body: bytes, message: bytes, nonce: int | None) -> bytes:
    """The token of an answer, where it is granted, over this message and for this request. Raises NotAToken.

    Who signed it is for the reader's trust list to judge, as with the label itself.
    """
    token = read_answer(body)
    if (token.algorithm, token.digest) != (_SHA256, hashlib.sha256(message).digest()):
        raise NotAToken("the time-stamp is about something else")
    if token.nonce != nonce:
        raise NotAToken("the time-stamp answers another request")
    return token.der
