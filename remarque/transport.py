"""How the client speaks HTTP: one request at a time, bounded patience, and every failure one of our errors.

The key travels in one header and nowhere else: it is not in ``repr``, not in a log line, and where an answer or an
error text repeats it, it is struck out.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx

from remarque import __version__
from remarque.errors import AnswerNotUnderstood, InvalidRequest, ServiceRefused, ServiceUnreachable

#: Seconds for one answer. A batch of ten large pictures at deep depth stays well under it.
DEFAULT_TIMEOUT = 60.0

#: How often a request is sent again at most, after 429, 503 or a connection that broke.
RETRIES = 4

#: The longest Retry-After that is waited for, in seconds; a service that asks for more is reported instead.
LONGEST_WAIT = 30.0

_SLOW_DOWN = 429
_UNAVAILABLE = 503
_KEY = re.compile(r"[\x21-\x7e]+")
_STRUCK_OUT = "rmq_(struck out)"

Parts = list[tuple[str, tuple[str | None, bytes, str]]]


class Transport:
    """A connection to one service. ``transport`` and ``sleep`` are for tests and for an application in memory."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = service_address(base_url)
        self._key = usable_key(api_key)
        self._sleep = sleep
        headers = {"User-Agent": f"remarque/{__version__}", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self._http = httpx.Client(base_url=self.base_url, headers=headers, timeout=timeout, transport=transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        parts: Parts | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and return the answer if it is a 2xx.

        429 is answered before anything was done, so it is always tried again; 503 and a broken connection only
        where the request is ``repeatable``. Raises ServiceUnreachable, ServiceRefused, AnswerNotUnderstood.
        """
        request = self._http.build_request(
            method, path, params=params, json=json, content=content, files=parts, headers=headers
        )
        attempt = 0
        while True:
            try:
                response = self._send(request)
            except _ConnectionBroke:
                if not repeatable or attempt == RETRIES:
                    raise
                self._sleep(_backoff(attempt))
            else:
                wait = _patience(response, repeatable, attempt)
                if wait is None:
                    return self._accept(response)
                self._sleep(wait)
            attempt += 1

    def get_json(self, response: httpx.Response) -> object:
        """The JSON document of an answer. Raises AnswerNotUnderstood."""
        try:
            return json.loads(self._clean(response.content.decode()))
        except (ValueError, RecursionError):
            raise AnswerNotUnderstood(f"{_where(response)} answered what is not JSON") from None

    def ready(self) -> bool:
        """Whether /readyz answers 200 now; asked once, without waiting."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            raise _ConnectionBroke(self._clean(f"{self.base_url} broke the connection: {error}")) from None
        except httpx.DecodingError as error:
            raise AnswerNotUnderstood(self._clean(f"{self.base_url} answered what cannot be read: {error}")) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ServiceUnreachable(self._clean(f"no answer from {self.base_url}: {reason}")) from None

    def _accept(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> ServiceRefused | AnswerNotUnderstood:
        """The problem of RFC 9457 as an error; an error without one does not come from a Remarque service."""
        status = response.status_code
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        problem = self.get_json(response) if media_type == "application/problem+json" else None
        if not isinstance(problem, dict):
            return AnswerNotUnderstood(f"{_where(response)} answered {status} without a problem document")
        kind = problem.get("type")
        slug = kind.rstrip("/").rpartition("/")[2] if isinstance(kind, str) and "/" in kind else f"http-{status}"
        told = [problem.get(name) for name in ("detail", "title")]
        message = next((text for text in told if isinstance(text, str) and text), f"the service answered {status}")
        return ServiceRefused(message, slug=slug, status=status, problem=problem)

    def _clean(self, text: str) -> str:
        return text if self._key is None else text.replace(self._key, _STRUCK_OUT)


class _ConnectionBroke(ServiceUnreachable):
    """The connection ended before the answer was complete; nobody knows whether the request was carried out."""


def service_address(text: str) -> str:
    """The address of a service, http(s), without user name or trailing slash. Raises InvalidRequest."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise InvalidRequest("the address of the registry cannot be read") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise InvalidRequest("the address of a registry looks like https://registry.example")
    return str(url).rstrip("/")


def retry_after(value: str | None, *, default: float) -> float:
    """The seconds of a Retry-After header (RFC 9110 section 10.2.3: seconds or a date), at least 0."""
    if value is None:
        return default
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return default
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _patience(response: httpx.Response, repeatable: bool, attempt: int) -> float | None:
    """The seconds to wait before this answer is asked for again, or None where it is the answer."""
    asks_to_wait = response.status_code == _SLOW_DOWN or (response.status_code == _UNAVAILABLE and repeatable)
    if not asks_to_wait or attempt == RETRIES:
        return None
    wait = retry_after(response.headers.get("Retry-After"), default=_backoff(attempt))
    return wait if wait <= LONGEST_WAIT else None


def _backoff(attempt: int) -> float:
    """Seconds before the next try where the service named none: 0.5, 1, 2, 4."""
    return 0.5 * 2.0**attempt


def usable_key(key: str | None) -> str | None:
    """The key as it was given, if it can travel in a header. Raises InvalidRequest, which does not repeat it."""
    if key is not None and _KEY.fullmatch(key) is None:
        raise InvalidRequest("the key is empty or holds characters that no key has")
    return key


def _where(response: httpx.Response) -> str:
    return f"{response.request.method} {response.request.url.path}"
