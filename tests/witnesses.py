"""Witnesses for tests: ours in a thread, and servers that answer whatever a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from remarque.cli.witness import Server, Witness, opened
from remarque.log.vkeys import VerifierKey

#: What a server of a test answers to a body: status, media type, body.
Answer = Callable[[bytes], tuple[int, str, bytes]]


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """The address of a server that runs in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def witness(folder: Path, log_key: VerifierKey, name: str = "witness.example/w1") -> Iterator[tuple[Witness, str]]:
    """A witness of that log on a directory that outlives it, and its address."""
    with opened(folder, log_key, name) as held, running(Server(("127.0.0.1", 0), held)) as address:
        yield held, address


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that answers so, and the bodies that it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, media_type, body = answer(bodies[-1])
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Nothing on stderr."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            """Nothing on stderr, where the service hangs up."""

    with running(Quiet(("127.0.0.1", 0), Handler)) as address:
        yield address, bodies
