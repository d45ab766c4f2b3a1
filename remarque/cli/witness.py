"""``remarque log witness``: a witness of one log, for an organisation that is not its operator.

Everything it knows lies in one directory: its key, the log's key, the checkpoint that it signed last, and those that
it refused although the log signed them. It speaks HTTP to one reverse proxy, or on a local network.
"""

from __future__ import annotations

import fcntl
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

from remarque import __version__
from remarque.cli.output import say, tell
from remarque.codec import write_time
from remarque.durable import sync_directory, write_whole
from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint, open_checkpoint
from remarque.log.encoding import read_text
from remarque.log.keys import make_key, read_key, write_key
from remarque.log.note import cosign
from remarque.log.vkeys import KeyType, SigningKey, VerifierKey, check_name
from remarque.log.witness import (
    MAX_REQUEST,
    PATH,
    SIZE_TYPE,
    Refusal,
    Why,
    judge,
    write_cosignatures,
    write_size,
)

#: Seconds that a connection may be silent.
PATIENCE = 10.0
#: Connections at once; a log needs one. More are closed at once, so that strangers cannot use up the memory.
CONNECTIONS = 32
#: Refused checkpoints that are kept. One is proof enough; anyone may send, so there has to be an end.
MAX_REFUSED = 100

TEXT = "text/plain; charset=utf-8"


class Witness:
    """The state of a witness in a directory, locked for as long as it is open. Safe to use from many threads."""

    def __init__(self, folder: Path, key: SigningKey, log_key: VerifierKey, now: Callable[[], float] = time.time):
        """Raises LogError where the directory holds anything else than what a witness with these keys wrote."""
        self.folder, self.key, self.log_key, self._now = folder, key, log_key, now
        self._lock = threading.Lock()
        self.note = self._read()

    @property
    def latest(self) -> Checkpoint | None:
        """The checkpoint that was signed last."""
        return None if self.note is None else open_checkpoint(self.note, self.log_key)

    def add_checkpoint(self, data: bytes) -> bytes | Refusal:
        """The signature lines for a request; what was signed is durable before they are returned. Raises OSError."""
        with self._lock:
            judged = judge(data, self.log_key, self.latest)
            if isinstance(judged, Refusal):
                self._keep(judged, data)
                return judged
            signed = cosign(judged, self.key, int(self._now()))
            write_whole(self.folder / "checkpoint", signed.to_bytes())
            self.note = signed.to_bytes()
            return write_cosignatures(signed.signatures[-1:])

    def _read(self) -> bytes | None:
        try:
            note = (self.folder / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None
        open_checkpoint(note, self.log_key, [self.key.verifier], quorum=1)
        return note

    def _keep(self, refusal: Refusal, data: bytes) -> None:
        """Keep what the log signed and could not show to continue what was signed here: the log may have forked."""
        if refusal.checkpoint is None:
            return
        kept = self.folder / "refused"
        kept.mkdir(exist_ok=True)
        file = kept / f"{refusal.checkpoint.size}-{refusal.checkpoint.root.hex()[:16]}"
        if not file.exists() and len(list(kept.iterdir())) < MAX_REFUSED:
            write_whole(file, data.partition(b"\n\n")[2])


@contextmanager
def opened(folder: Path, log_key: VerifierKey | None, name: str | None) -> Iterator[Witness]:
    """The witness of a directory, made at the first call, locked until the end.

    ``log_key`` and ``name`` are needed then, and may not be others later. Raises LogError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LogError(f"another witness runs on {folder}") from None
        pinned = _pinned(folder / "log", log_key)
        yield Witness(folder, _own_key(folder / "witness.key", name), pinned)


def _pinned(path: Path, given: VerifierKey | None) -> VerifierKey:
    if not path.exists():
        if given is None or given.kind is not KeyType.NOTE:
            raise LogError("a new witness needs --log, the key of the log (log_key in its /.well-known/remarque.json)")
        write_whole(path, f"{given.to_text()}\n".encode())
    kept = VerifierKey.parse(read_text(path.read_bytes()).removesuffix("\n"))
    if given not in (None, kept):
        raise LogError(f"{path.parent} is the witness of {kept.to_text()}; another log needs a directory of its own")
    return kept


def _own_key(path: Path, name: str | None) -> SigningKey:
    if not path.exists():
        if (path.parent / "checkpoint").exists():
            raise LogError(f"{path} is gone; what this witness signed cannot be gone on from under another key")
        if name is None:
            raise LogError("a new witness needs --name, for instance witness.example/w1")
        write_key(path, make_key(check_name(name), KeyType.COSIGNATURE))
        sync_directory(path.parent)
    if name is None:
        name = SigningKey.parse(read_text(path.read_bytes()).removesuffix("\n")).name
    key = read_key(path, name)
    if key.kind is not KeyType.COSIGNATURE:
        raise LogError(f"{path} is no key of a witness")
    return key


class _Handler(BaseHTTPRequestHandler):
    """One connection: ``POST /add-checkpoint``, and ``GET /checkpoint``, which shows what was signed last."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"remarque-witness/{__version__}", ""
    timeout = PATIENCE
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for an acknowledgement

    def do_POST(self) -> None:
        if self.path != f"/{PATH}":
            self._refuse_body(404, "there is POST /add-checkpoint and GET /checkpoint")
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10) or "Transfer-Encoding" in self.headers:
            self._refuse_body(411, "a request has a Content-Length")
            return
        if int(length) > MAX_REQUEST:
            self._refuse_body(413, f"a request has at most {MAX_REQUEST} bytes")
            return
        data = self.rfile.read(int(length))
        if len(data) != int(length):
            self.close_connection = True  # cut off
            return
        try:
            answer = self.server.witness.add_checkpoint(data)
        except OSError as error:
            say(f"NOT SIGNED, the disk: {error}")
            self._send(500, TEXT, b"not signed: what is signed has to be written first\n")
            return
        self._answer(answer)

    def do_GET(self) -> None:
        note = self.server.witness.note
        if self.path == "/checkpoint" and note is not None:
            self._send(200, TEXT, note)
        else:
            self._send(404, TEXT, b"nothing was signed yet, or there is no such thing\n")

    def _answer(self, answer: bytes | Refusal) -> None:
        if isinstance(answer, bytes):
            self._send(200, TEXT, answer)
            return
        if answer.checkpoint is not None:
            say(f"NOT SIGNED, the log may have two histories (see refused/): {answer.message}")
        if answer.why is Why.CONFLICT and answer.size is not None:
            self._send(answer.why, SIZE_TYPE, write_size(answer.size))
        else:
            self._send(answer.why, TEXT, f"{answer.message}\n".encode())

    def _refuse_body(self, status: int, message: str) -> None:
        """Answer without having read the body, which ends the connection."""
        self.close_connection = True
        self._send(status, TEXT, f"{message}\n".encode())

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(int(status))
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        now = write_time(datetime.now(UTC))
        say(f"{now} {self.client_address[0]} {format % arguments}")


class Server(ThreadingHTTPServer):
    """Serves one witness, a bounded number of connections at once."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()  # no thread was begun, which would do it
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is one line; a fault of ours shows where it is."""
        error = sys.exception()
        if isinstance(error, OSError):
            say(f"{client_address[0]}: {error}")
        else:
            super().handle_error(request, client_address)


def witness(
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Where this witness keeps its state.")],
    log: Annotated[
        str | None, typer.Option(metavar="VKEY", help="The key of the log. Needed once.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The name to sign with: your.domain/w1. Needed once.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0: a free one.")] = 8080,
) -> None:
    """Witness a log: sign its checkpoints, and only those that continue what was signed before.

    The first start makes a key and prints its public half, which is what the operator of the log needs.
    """
    try:
        log_key = None if log is None else VerifierKey.parse(log)
        name = None if name is None else check_name(name)
    except LogError as error:
        raise typer.BadParameter(str(error), param_hint="--log" if log else "--name") from None
    with opened(folder, log_key, name) as held, Server((host, port), held) as server:
        tell(f"{held.key.verifier.to_text()}")
        told = f"[{host}]" if ":" in host else host
        say(f"witness of {held.log_key.name}, at http://{told}:{server.server_address[1]}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
