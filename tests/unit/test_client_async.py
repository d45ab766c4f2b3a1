"""The asynchronous client is the same client: one list of methods, one set of rules, and it can be cancelled."""

import asyncio
import base64
import inspect
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from remarque.answers import Fingerprint
from remarque.client import AsyncClient, Client
from remarque.errors import AnswerNotUnderstood, InvalidRequest, ServiceRefused, ServiceUnreachable
from remarque.log.checkpoint import Checkpoint
from remarque.log.checks import CheckReceipt
from remarque.log.note import Note
from remarque.log.selftest import cases
from remarque.transport import RETRIES
from tests.unit.answering import KEY, Service, labelled, ok, problem
from tests.unit.test_client import DECLARATION, HASHES, ROOT, bitmap

METHODS = sorted(name for name in vars(Client) if not name.startswith("_"))


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    assert METHODS == sorted(name for name in vars(AsyncClient) if not name.startswith("_"))
    for name in METHODS:
        one, other = getattr(Client, name), getattr(AsyncClient, name)
        if not isinstance(one, property):
            assert inspect.signature(one).parameters == inspect.signature(other).parameters, name
            assert inspect.iscoroutinefunction(other) or inspect.isasyncgenfunction(other), name


def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    return path


PARTY = {"id": "p1", "api_key": "rmq_new"}
PAGE = {"declarations": [DECLARATION], "next_cursor": None}
RESULT = {"name": "a.png", "preference": "unknown", "reasons": []}
CHECK = {"tree_size": 3, "root": ROOT, "purpose": "ai_training", "depth": "frame", "results": [RESULT]}
RECORD = {
    "id": "l1",
    "created_at": "2026-11-23T12:00:00Z",
    "system": "Brush",
    "digital_source_type": "trainedAlgorithmicMedia",
    "preferences": {},
    "format": "image/png",
    "layers": ["c2pa"],
    "sha256": ROOT,
    "log": {"index": 0, "tree_size": 1, "root": ROOT},
    "page_url": "https://registry.example/v1/labels/l1",
}
DISPUTE = {
    "id": "x1",
    "declaration": "d1",
    "status": "open",
    "created_at": "2026-11-23T12:00:00Z",
    "log": {"index": 1, "tree_size": 2, "root": ROOT},
    "reason": "Not theirs.",
}
VERIFICATION = {
    "verdict": "nothing_found",
    "ai_generated": None,
    "summary": "",
    "layers": [],
    "registry": {"tree_size": 1, "root": ROOT},
}


def shipped(kind: str) -> bytes:
    """A good receipt of a kind, as the library ships it."""
    return next(base64.b64decode(case["file"]) for case in cases(kind) if case["name"] == "happy")


def ask_for_a_receipt(client: Any, _: Path) -> Any:
    said = CheckReceipt.parse(Note.parse(shipped("checks")).text)
    state = Checkpoint.parse(Note.parse(said.checkpoint.encode()).text)
    told = {"items_root": said.items_root, "counts": said.counts, "engine": "mine/1"}
    return client.check_receipt(tree_size=state.size, root=state.root.hex(), **told)


#: An answer for each method, and how it is asked.
CALLS: dict[str, tuple[httpx.Response, Callable[[Any, Path], Any]]] = {
    "create_party": (ok(PARTY), lambda client, path: client.create_party("Ana", kind="artist")),
    "create_key": (ok(PARTY), lambda client, path: client.create_key(["label"], labels_a_day=5)),
    "declare": (ok(DECLARATION), lambda client, path: client.declare(path, title="Dawn")),
    "declare_fingerprints": (
        ok(DECLARATION),
        lambda client, path: client.declare_fingerprints([Fingerprint(alg="pdq", value=ROOT)]),
    ),
    "declaration": (ok(DECLARATION), lambda client, path: client.declaration("d1")),
    "declarations": (ok(PAGE), lambda client, path: client.declarations("c1")),
    "set_preferences": (ok(DECLARATION), lambda client, path: client.set_preferences("d1", {"search": "allowed"})),
    "withdraw": (ok(DECLARATION), lambda client, path: client.withdraw("d1")),
    "erase": (ok(DECLARATION), lambda client, path: client.erase("d1")),
    "erase_party": (
        ok({"declarations": 1, "labels": 0, "keys": 1}),
        lambda client, path: client.erase_party("p1"),
    ),
    "dispute": (ok(DISPUTE), lambda client, path: client.dispute("d1", "Not theirs.", "https://proof.example/")),
    "read_dispute": (ok(DISPUTE), lambda client, path: client.read_dispute("x1")),
    "disputes": (ok({"disputes": [DISPUTE], "next_cursor": None}), lambda client, path: client.disputes("open", "7")),
    "decide": (ok(DISPUTE), lambda client, path: client.decide("x1", "upheld", "It is so.")),
    "receipt": (httpx.Response(200, content=shipped("receipts")), lambda client, path: client.receipt("d1")),
    "check_receipt": (httpx.Response(200, content=shipped("checks")), ask_for_a_receipt),
    "check": (ok(CHECK), lambda client, path: client.check(path, purpose="ai_training")),
    "check_hashes": (ok(HASHES), lambda client, path: client.check_hashes(bytes(64))),
    "check_bitmap": (bitmap(b"\2"), lambda client, path: client.check_bitmap(np.zeros((2, 32), np.uint8))),
    "label": (labelled(), lambda client, path: client.label(path, system="Brush")),
    "stamp_bytes": (labelled(), lambda client, path: client.stamp_bytes(b"x", system="Brush")),
    "stamp_image": (labelled(), lambda client, path: client.stamp_image(Image.new("L", (8, 8)), system="Brush")),
    "stamp_file": (labelled(), lambda client, path: client.stamp_file(path, system="Brush")),
    "label_record": (ok(RECORD), lambda client, path: client.label_record("l1")),
    "verify": (ok(VERIFICATION), lambda client, path: client.verify(path)),
    "ready": (ok({}), lambda client, path: client.ready()),
}


def test_every_method_is_compared() -> None:
    assert {*CALLS, "all_declarations", "base_url", "close"} == set(METHODS)


def normal(request: httpx.Request) -> tuple[str, str, bytes]:
    """A request without the boundary of its parts, which is drawn by lot."""
    _, _, boundary = request.headers.get("Content-Type", "").partition("boundary=")
    body = request.read()
    return request.method, str(request.url), body.replace(boundary.encode(), b"") if boundary else body


@pytest.mark.parametrize("name", CALLS)
def test_both_clients_send_and_return_the_same(name: str, tmp_path: Path) -> None:
    answer, ask = CALLS[name]

    async def awaited(service: Service) -> Any:
        async with service.async_client() as client:
            return await ask(client, picture(tmp_path))

    copy = httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
    one, other = Service(answer), Service(copy)
    with one.client() as client:
        first = ask(client, picture(tmp_path))
    second = asyncio.run(awaited(other))
    assert repr(first) == repr(second)
    assert [normal(request) for request in one.requests] == [normal(request) for request in other.requests]
    assert one.requests[0].headers["Authorization"] == other.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_all_declarations_walks_the_pages_and_stops_where_they_go_round() -> None:
    more = {"declarations": [DECLARATION], "next_cursor": "c1"}

    async def ids(*answers: httpx.Response) -> list[str]:
        async with Service(*answers).async_client() as client:
            return [declaration.id async for declaration in client.all_declarations()]

    assert asyncio.run(ids(ok(more), ok(PAGE | {"declarations": [DECLARATION | {"id": "d2"}]}))) == ["d1", "d2"]
    with pytest.raises(AnswerNotUnderstood, match="twice"):
        asyncio.run(ids(ok(more)))


def ask(service: Service) -> Any:
    async def declared() -> Any:
        async with service.async_client() as client:
            return await client.declaration("d1")

    return asyncio.run(declared())


def test_the_rules_of_patience_are_the_same() -> None:
    service = Service(problem(429, "slow-down", **{"Retry-After": "3"}), problem(503, "not-ready"), ok(DECLARATION))
    assert ask(service).id == "d1"
    assert service.waits == [3.0, 1.0]
    broken = Service(httpx.ReadError("gone"))
    with pytest.raises(ServiceUnreachable):
        ask(broken)
    assert len(broken.requests) == RETRIES + 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(404, "not-found"), ServiceRefused),
        (httpx.ConnectError(f"Bearer {KEY}"), ServiceUnreachable),
        (httpx.Response(200, text="<html>"), AnswerNotUnderstood),
        (httpx.Response(502, text="<html>"), AnswerNotUnderstood),
    ],
)
def test_the_errors_are_the_same_and_hold_no_key(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        ask(Service(answer))
    assert KEY not in str(caught.value)


def test_ready_is_false_where_nothing_answers() -> None:
    async def ready(answer: httpx.Response | Exception) -> bool:
        async with Service(answer).async_client() as client:
            return await client.ready()

    assert asyncio.run(ready(ok({}))) is True
    assert asyncio.run(ready(problem(503, "not-ready"))) is False
    assert asyncio.run(ready(httpx.ConnectError("refused"))) is False


def test_a_call_can_be_cancelled_and_the_client_goes_on(tmp_path: Path) -> None:
    path = picture(tmp_path)
    asked = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            asked.set()
            await asyncio.Event().wait()
        return ok(DECLARATION)

    async def scene() -> str:
        async with AsyncClient("https://registry.example", transport=httpx.MockTransport(answer)) as client:
            task = asyncio.create_task(client.stamp_file(path, system="Brush"))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await client.declaration("d1")).id

    assert asyncio.run(scene()) == "d1"
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_picture_that_cannot_be_written_is_refused_here_too() -> None:
    async def stamped() -> object:
        async with Service(labelled()).async_client() as client:
            return await client.stamp_image(Image.new("RGBA", (8, 8)), format="JPEG", system="Brush")

    with pytest.raises(InvalidRequest, match="RGBA"):
        asyncio.run(stamped())


def test_a_stamped_image_is_what_pillow_reads() -> None:
    async def sent() -> bytes:
        service = Service(labelled())
        async with service.async_client() as client:
            await client.stamp_image(Image.new("RGB", (8, 8), "red"), format="WEBP", system="Brush")
        return service.requests[0].read()

    body = asyncio.run(sent())
    with Image.open(BytesIO(body[body.index(b"RIFF") :])) as read:
        assert (read.format, read.size) == ("WEBP", (8, 8))
