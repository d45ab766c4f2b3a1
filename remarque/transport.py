"""How the clients speak HTTP: bounded patience, and every failure one of our errors.

A ``Call`` says what is asked and how its answer is read. ``Transport`` sends it and waits, ``AsyncTransport`` does the
same without holding a thread; what they make of answers and failures is said once, in ``_Manners``.

The key travels in one header and nowhere else: it is not in ``repr``, not in a log line, and where an answer or an
error text repeats it, it is struck out.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

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
#: A service that answers one of these has not begun with the request: it may be sent again whatever it asks for.
_NOT_BEGUN = frozenset({"busy", "not-ready"})
_KEY = re.compile(r"[\x21-\x7e]+")
_STRUCK_OUT = "rmq_(struck out)"

Parts = list[tuple[str, tuple[str | None, bytes, str]]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    response: httpx.Response
    _clean: Callable[[str], str]

    def json(self) -> object:
        """Its JSON document. Raises AnswerNotUnderstood."""
        try:
            return json.loads(self._clean(self.response.content.decode()))
        except (ValueError, RecursionError):
            raise AnswerNotUnderstood(f"{_where(self.response)} answered what is not JSON") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request, and ``read``, which makes a value of its answer or raises AnswerNotUnderstood.

    A call is ``repeatable`` where the service may carry it out twice without harm.
    """

    method: str
    path: str
    read: Callable[[Answer], T]
    repeatable: bool = True
    params: Mapping[str, str] | None = None
    json: object = None
    content: bytes | None = field(default=None, repr=False)
    parts: Parts | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = None


class _Manners:
    """One service and one key: how requests to it look, and what is made of its answers and failures."""

    def __init__(self, base_url: str, api_key: str | None, timeout: float) -> None:
        self.base_url = service_address(base_url)
        self._key = usable_key(api_key)
        headers = {"User-Agent": f"remarque/{__version__}", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        # To wait for a free connection is no failure of the service: many calls may share one client.
        patience = httpx.Timeout(timeout, pool=None)
        self.settings: dict[str, Any] = {"base_url": self.base_url, "headers": headers, "timeout": patience}

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
        return http.build_request(
            call.method,
            call.path,
            params=call.params,
            json=call.json,
            content=call.content,
            files=call.parts,
            headers=call.headers,
        )

    def wait_after_failure(self, error: Exception, call: Call[Any], attempt: int) -> float:
        """The seconds to wait before the next try. Raises ServiceUnreachable or AnswerNotUnderstood."""
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
            # The connection ended before the answer was complete: nobody knows whether the request was carried out.
            if call.repeatable and attempt < RETRIES:
                return _backoff(attempt)
            raise ServiceUnreachable(self._clean(f"{self.base_url} broke the connection: {error}")) from None
        if isinstance(error, httpx.DecodingError):
            raise AnswerNotUnderstood(self._clean(f"{self.base_url} answered what cannot be read: {error}")) from None
        reason = str(error) or type(error).__name__
        raise ServiceUnreachable(self._clean(f"no answer from {self.base_url}: {reason}")) from None

    def wait_after_answer(self, response: httpx.Response, call: Call[Any], attempt: int) -> float | None:
        """The seconds to wait before this is asked again, or None where this is the answer.

        429 is answered before anything was done, so it is always tried again; 503 where the call is repeatable, or
        where the service says that it has not begun. Raises ServiceRefused, AnswerNotUnderstood.
        """
        if response.is_success:
            return None
        refusal = self._refusal(response)
        slug = refusal.slug if isinstance(refusal, ServiceRefused) else None
        again = response.status_code == _SLOW_DOWN or (
            response.status_code == _UNAVAILABLE and (call.repeatable or slug in _NOT_BEGUN)
        )
        wait = retry_after(response.headers.get("Retry-After"), default=_backoff(attempt))
        if not again or attempt == RETRIES or wait > LONGEST_WAIT:
            raise refusal
        return wait

    def read(self, response: httpx.Response, call: Call[T]) -> T:
        return call.read(Answer(response, self._clean))

    def _refusal(self, response: httpx.Response) -> ServiceRefused | AnswerNotUnderstood:
        """The problem of RFC 9457 as an error; an error without one does not come from a Remarque service."""
        status = response.status_code
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        try:
            problem = Answer(response, self._clean).json() if media_type == "application/problem+json" else None
        except AnswerNotUnderstood as error:
            return error
        if not isinstance(problem, dict):
            return AnswerNotUnderstood(f"{_where(response)} answered {status} without a problem document")
        kind = problem.get("type")
        slug = kind.rstrip("/").rpartition("/")[2] if isinstance(kind, str) and "/" in kind else f"http-{status}"
        told = [problem.get(name) for name in ("detail", "title")]
        message = next((text for text in told if isinstance(text, str) and text), f"the service answered {status}")
        return ServiceRefused(message, slug=slug, status=status, problem=problem)

    def _clean(self, text: str) -> str:
        return text if self._key is None else text.replace(self._key, _STRUCK_OUT)


class Transport:
    """A connection to one service. ``transport`` and ``sleep`` are for tests and for an application in memory."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._manners = _Manners(base_url, api_key, timeout)
        self._sleep = sleep
        self._http = httpx.Client(transport=transport, **self._manners.settings)

    @property
    def base_url(self) -> str:
        """The address of the service, without a trailing slash."""
        return self._manners.base_url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Send a call, again where that may help, and return what it reads from the answer.

        Raises ServiceUnreachable, ServiceRefused, AnswerNotUnderstood.
        """
        request = self._manners.request(self._http, call)
        attempt = 0
        while True:
            wait: float | None
            try:
                response = self._http.send(request)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                wait = self._manners.wait_after_failure(error, call, attempt)
            else:
                wait = self._manners.wait_after_answer(response, call, attempt)
                if wait is None:
                    return self._manners.read(response, call)
            self._sleep(wait)
            attempt += 1

    def ready(self) -> bool:
        """Whether /readyz answers 200 now; asked once, without waiting."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


class AsyncTransport:
    """The same as Transport, for asyncio."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._manners = _Manners(base_url, api_key, timeout)
        self._sleep = sleep
        self._http = httpx.AsyncClient(transport=transport, **self._manners.settings)

    @property
    def base_url(self) -> str:
        """The address of the service, without a trailing slash."""
        return self._manners.base_url

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """As Transport.send. A call that is cancelled closes its connection; what the service did stays done."""
        request = self._manners.request(self._http, call)
        attempt = 0
        while True:
            wait: float | None
            try:
                response = await self._http.send(request)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                wait = self._manners.wait_after_failure(error, call, attempt)
            else:
                wait = self._manners.wait_after_answer(response, call, attempt)
                if wait is None:
                    return self._manners.read(response, call)
            await self._sleep(wait)
            attempt += 1

    async def ready(self) -> bool:
        """As Transport.ready."""
        try:
            return (await self._http.get("/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


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
