"""Clients of the HTTP service that speak the value types of ``remarque.answers``.

    with Client("https://registry.example", api_key="rmq_...") as client:
        declaration = client.declare(Path("picture.png"), preferences={"ai_training": "disallowed"})
        answer = client.check(Path("found.jpg"))

    async with AsyncClient("https://registry.example", api_key="rmq_...") as client:
        labelled = await client.stamp_image(picture, system="Atelier Diffusion")

Every method raises the errors of ``remarque.errors``: ServiceUnreachable where no answer came, ServiceRefused where the
service answered with a problem, AnswerNotUnderstood where the answer does not fit the contract. What is asked for
wrongly is told before anything is sent (InvalidInput). Reading a ``Path`` raises OSError as usual.
"""

from remarque.client.asynchronous import AsyncClient
from remarque.client.plugin import Access, advice, read_access
from remarque.client.synchronous import Client
from remarque.client.values import Bitmap, Claims, Hashes, Image, Labelled, LabelWish, Statement
from remarque.durable import write_whole

__all__ = [
    "Access",
    "AsyncClient",
    "Bitmap",
    "Claims",
    "Client",
    "Hashes",
    "Image",
    "LabelWish",
    "Labelled",
    "Statement",
    "advice",
    "read_access",
    "write_whole",
]
