"""The library's clients ask for receipts and erasure, and take no receipt that is about something else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest

from remarque.client import AsyncClient, Client
from remarque.errors import AnswerNotUnderstood, ServiceRefused
from remarque.log.checks import items_root, verify_check
from remarque.log.receipts import Receipt, verify
from remarque.preferences import Category
from tests.api.conftest import Service
from tests.api.test_async_client import asked
from tests.api.test_erasing import party
from tests.api.test_log_serving import pinned

ADDRESS = "http://registry.test"
HASHES = ["0f" * 32, "f0" * 32, "0f" * 32]
Change = Callable[[bytes, httpx.Headers], tuple[bytes, dict[str, str]]]


def through(service: Service, change: Change | None = None) -> Callable[[httpx.Request], httpx.Response]:
    """Requests of a client, to the service in memory; its answers perhaps changed on the way."""

    def forward(request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        path = str(request.url.raw_path, "ascii")
        told = service.http.request(request.method, path, headers=headers, content=request.read())
        content, more = (told.content, {}) if change is None else change(told.content, httpx.Headers(told.headers))
        kept = {name: value for name, value in told.headers.items() if name != "content-length"}
        return httpx.Response(told.status_code, headers={**kept, **more}, content=content)

    return forward


@pytest.fixture
def artist(service: Service) -> tuple[str, str]:
    """A party, and its key."""
    name, headers = party(service)
    return name, headers["authorization"].removeprefix("Bearer ")


@pytest.fixture
def client(service: Service, artist: tuple[str, str]) -> Iterator[Client]:
    with Client(ADDRESS, artist[1], transport=httpx.MockTransport(through(service))) as client:
        yield client


def test_a_client_gets_receipts_and_erases(service: Service, client: Client, artist: tuple[str, str], picture: bytes):
    said = client.declare(picture, title="Dawn")
    receipt = Receipt.parse(client.receipt(said.id))
    verify(receipt, pinned(service))
    assert receipt.openings["who"].payload["title"] == "Dawn"
    erased = client.erase(said.id)
    assert (erased.id, erased.title, erased.preferences) == (said.id, None, {})
    done = client.erase_party(artist[0])
    assert (done.declarations, done.keys) == (0, 1)
    with pytest.raises(ServiceRefused, match="not known"):
        client.receipt(said.id)


def test_every_kind_of_check_has_its_receipt(service: Service, client: Client, picture: bytes, copy: bytes):
    client.declare(picture)
    pictures = client.check(copy, b"broken", receipt=True)
    sparse = client.check_hashes(HASHES, receipt=True, purpose="search")
    array = np.frombuffer(bytes.fromhex("".join(HASHES)), np.uint8).reshape(-1, 32)
    packed = client.check_hashes(array, receipt=True)
    bits = client.check_bitmap(array, receipt=True, claims="self")
    for each, items in ((pictures, 2), (sparse, 3), (packed, 3), (bits, 3)):
        said = verify_check(str(each.receipt).encode(), pinned(service))
        assert said.items == items
    assert client.check_hashes(HASHES).receipt is None
    assert client.check_bitmap(array).receipt is None
    state = client.check_hashes([])
    counts = {"unknown": 3}
    told = {"tree_size": state.tree_size, "root": state.root, "items_root": items_root([("x", "y")] * 3).hex()}
    own = client.check_receipt(**told, counts=counts, engine="mine/1", purpose=Category.SEARCH.value)
    assert verify_check(own, pinned(service)).engine.startswith("builder: mine/1 purpose=search")


def test_the_async_client_too(service: Service, artist: tuple[str, str], picture: bytes):
    async def scene(client: AsyncClient) -> None:
        said = await client.declare(picture)
        verify(Receipt.parse(await client.receipt(said.id)), pinned(service))
        check = await client.check(picture, receipt=True)
        sparse = await client.check_hashes(HASHES, receipt=True)
        bits = await client.check_bitmap(bytes.fromhex("".join(HASHES)), receipt=True)
        for each in (check, sparse, bits):
            verify_check(str(each.receipt).encode(), pinned(service))
        root = items_root([]).hex()
        own = await client.check_receipt(tree_size=1, root=said.log.root, items_root=root, counts={"unknown": 0})
        assert verify_check(own, pinned(service)).items == 0
        assert (await client.erase(said.id)).preferences == {}
        assert (await client.erase_party(artist[0])).keys == 1

    asked(service, artist[1], scene)


def another(service: Service, artist: tuple[str, str], hashes: list[str]) -> str:
    """A true receipt, of another check."""
    with Client(ADDRESS, artist[1], transport=httpx.MockTransport(through(service))) as client:
        return str(client.check_hashes(hashes, receipt=True).receipt)


@pytest.mark.parametrize("how", ["missing", "garbage", "of another list", "counts otherwise"])
def test_a_receipt_that_is_about_something_else_is_not_taken(service: Service, artist: tuple[str, str], how: str):
    other = another(service, artist, HASHES[:2] if how == "of another list" else HASHES)

    def change(content: bytes, headers: httpx.Headers) -> tuple[bytes, dict[str, str]]:
        if headers["content-type"] != "application/json":
            note = {"missing": "", "garbage": "%%", "of another list": base64.b64encode(other.encode()).decode()}
            return content, {"remarque-receipt": note.get(how, base64.b64encode(b"x").decode())}
        answer = json.loads(content)
        if how == "counts otherwise":
            hit = {"i": 0, "preference": "disallowed", "matches": [], "reasons": []}
            return json.dumps({**answer, "hits": [hit]}).encode(), {}
        answer["receipt"] = {"missing": None, "garbage": "x", "of another list": other}[how]
        return json.dumps(answer).encode(), {}

    with Client(ADDRESS, artist[1], transport=httpx.MockTransport(through(service, change))) as client:
        with pytest.raises(AnswerNotUnderstood, match="receipt"):
            client.check_hashes(HASHES, receipt=True)
        with pytest.raises(AnswerNotUnderstood, match=r"receipt|Receipt"):
            client.check_bitmap(bytes.fromhex("".join(HASHES)), receipt=True)


def test_an_answer_that_is_no_receipt_is_not_kept(service: Service, client: Client, artist: tuple[str, str]):
    wrong = httpx.MockTransport(lambda _: httpx.Response(200, content=b'{"format":"remarque-receipt/v1"}'))
    with Client(ADDRESS, artist[1], transport=wrong) as misled:
        with pytest.raises(AnswerNotUnderstood, match="no receipt"):
            misled.receipt("dec_1")
        with pytest.raises(AnswerNotUnderstood, match="receipt"):
            misled.check_receipt(tree_size=0, root="00" * 32, items_root="00" * 32, counts={"unknown": 1})
