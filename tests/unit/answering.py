"""A service that answers what a test tells it to."""

import json
from typing import Any

import httpx

from remarque.client import Client

KEY = "rmq_a-very-secret-key"


class Service:
    """Answers what it is told to, in order, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, key: str | None = KEY) -> Client:
        return Client("https://registry.example/", key, transport=httpx.MockTransport(self), sleep=self.waits.append)


def problem(status: int, slug: str, detail: str = "no", **headers: str) -> httpx.Response:
    body = {"type": f"https://registry.example/problems/{slug}", "title": "No", "status": status, "detail": detail}
    return httpx.Response(
        status, content=json.dumps(body), headers={"Content-Type": "application/problem+json", **headers}
    )


def ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)
