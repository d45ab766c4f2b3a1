"""A signer in a process of its own, as a KMS is: it holds the key, listens on a UNIX socket, and can be told to fail.

    python -m tests.signer_process SOCKET KEY.pem

A request is one byte, what is wanted, a length of four bytes, and so many bytes. ``S``: sign them. ``B``: behave from
now on as the JSON says: {"mode": "sign|fail|hang|wrong|garbage|short|together", "seconds": 0.1}; ``together`` answers
when 32 wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SOCKET = "TEST_SIGNER_SOCKET"
_LENGTH = 4
TOGETHER = 32


def serve(address: str, key_file: str) -> None:
    """Sign until ended."""
    key: Any = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
    other = ec.generate_private_key(ec.SECP256R1())
    gathered = threading.Barrier(TOGETHER)
    behaviour: dict[str, Any] = {"mode": "sign", "seconds": 0.0}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            wanted = self.rfile.read(1)
            body = self.rfile.read(int.from_bytes(self.rfile.read(_LENGTH), "big"))
            if wanted == b"B":
                behaviour.update(json.loads(body))
                self.answer(b"")
                return
            time.sleep(behaviour["seconds"])
            if behaviour["mode"] == "together":
                gathered.wait()
            match behaviour["mode"]:
                case "sign" | "together":
                    self.answer(key.sign(body, ec.ECDSA(hashes.SHA256())))
                case "wrong":
                    self.answer(other.sign(body, ec.ECDSA(hashes.SHA256())))
                case "garbage":
                    self.answer(os.urandom(70))
                case "short":
                    self.answer(key.sign(body, ec.ECDSA(hashes.SHA256()))[:-1])
                case "hang":
                    while behaviour["mode"] == "hang":
                        time.sleep(0.02)
                    self.answer(b"")
                # "fail": the connection ends without an answer

        def answer(self, body: bytes) -> None:
            self.wfile.write(len(body).to_bytes(_LENGTH, "big") + body)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever hung up does not wait for us."""

    with Server(address, Handler) as server:
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        server.serve_forever(0.02)


def ask(address: str, wanted: bytes, body: bytes) -> bytes:
    """One request. Raises OSError where no answer comes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        connection.sendall(wanted + len(body).to_bytes(_LENGTH, "big") + body)
        with connection.makefile("rb") as answer:
            head = answer.read(_LENGTH)
            if len(head) < _LENGTH:
                raise OSError("the signer hung up")
            return answer.read(int.from_bytes(head, "big"))


def factory() -> Any:
    """What REMARQUE_C2PA_SIGNER names in these tests."""
    address = os.environ[SOCKET]
    return lambda message: ask(address, b"S", message)


class SignerProcess:
    """A running signer."""

    def __init__(self, address: str) -> None:
        self.address = address

    def behave(self, mode: str, *, seconds: float = 0.0) -> None:
        ask(self.address, b"B", json.dumps({"mode": mode, "seconds": seconds}).encode())

    def sign(self, message: bytes) -> bytes:
        return ask(self.address, b"S", message)


@contextlib.contextmanager
def running(folder: Path, key_file: Path) -> Iterator[SignerProcess]:
    """Start a signer, and end it afterwards."""
    address = str(folder / "signer.socket")
    command = [sys.executable, "-m", "tests.signer_process", address, str(key_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
        assert process.stdin is not None
        try:
            while not Path(address).exists():
                assert process.poll() is None, "the signer did not start"
                time.sleep(0.02)
            yield SignerProcess(address)
        finally:
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    serve(*sys.argv[1:])
