"""A service that answers what a test tells it to."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from remarque.client import AsyncClient, Client

KEY = "rmq_a-very-secret-key"


class Service:
    """Answers what it is told to, in order, the last one for ever, and remembers what it was asked.

    ``answering``, where a test sets it, answers instead.
    """

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.answering: Callable[[httpx.Request], httpx.Response] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answering is not None:
            return self.answering(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, key: str | None = KEY) -> Client:
        return Client("https://registry.example/", key, transport=httpx.MockTransport(self), sleep=self.waits.append)

    def async_client(self, key: str | None = KEY) -> AsyncClient:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        return AsyncClient("https://registry.example/", key, transport=httpx.MockTransport(self), sleep=sleep)


def problem(status: int, slug: str, detail: str = "no", **headers: str) -> httpx.Response:
    body = {"type": f"https://registry.example/problems/{slug}", "title": "No", "status": status, "detail": detail}
    return httpx.Response(
        status, content=json.dumps(body), headers={"Content-Type": "application/problem+json", **headers}
    )


def ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def labelled(content: bytes = b"PNG", **headers: str) -> httpx.Response:
    told = {
        "Content-Type": "image/png",
        "Remarque-Label-Id": "l1",
        "Remarque-Layers": "c2pa, xmp",
        "Link": '<https://registry.example/v1/labels/l1>; rel="describedby"',
    }
    return httpx.Response(200, content=content, headers=told | headers)


def sent(request: httpx.Request) -> tuple[bytes, dict[str, Any]]:
    """The picture and the JSON of a multipart body."""
    body = request.read()
    boundary = body.partition(b"\r\n")[0]
    _, image, label, _ = body.split(boundary)
    return image.partition(b"\r\n\r\n")[2][:-2], json.loads(label.partition(b"\r\n\r\n")[2])
