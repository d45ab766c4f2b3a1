"""A time-stamp authority on 127.0.0.1: ``openssl ts`` behind HTTP. It can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

_CONFIGURATION = """
[tsa]
default_tsa = here
[here]
dir = .
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = root.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Authority:
    """``mode``: answer | refuse | error | garbage | other (about something else) | replay | hang | long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.mode = "answer"
        self.asked = 0
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._first = b""
        self._make_keys()
        self.root = (folder / "root.pem").read_bytes()

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """Status and body for a query."""
        with self._lock:
            self.asked += 1
            if self.mode == "error":
                return 500, b""
            if self.mode == "garbage":
                return 200, b"\x30\x03\x02\x01\x00"
            if self.mode == "long":
                return 200, bytes(1 << 20)
            if self.mode == "other":
                query = self._run("ts", "-query", "-digest", "00" * 32, "-sha256", "-cert")
            if self.mode == "refuse":  # a digest that the authority does not accept
                query = self._run("ts", "-query", "-digest", "00" * 20, "-sha1", "-cert")
            if self.mode == "replay" and self._first:
                return 200, self._first
            (self.folder / "query").write_bytes(query)
            self._first = self._run("ts", "-reply", "-config", "tsa.cnf", "-section", "here", "-queryfile", "query")
            return 200, self._first

    def _make_keys(self) -> None:
        (self.folder / "tsa.cnf").write_text(_CONFIGURATION)
        (self.folder / "serial").write_text("01\n")
        new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "/dev/null")
        subject = "/O=Test/CN=Time-stamp "
        self._run(*new, "-keyout", "root.key", "-out", "root.csr", "-subj", subject + "root")
        sign = ("x509", "-req", "-days", "30", "-extfile", "tsa.cnf")
        self._run(*sign, "-in", "root.csr", "-signkey", "root.key", "-extensions", "root", "-out", "root.pem")
        self._run(*new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", subject + "authority")
        issuer = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial")
        self._run(*sign, "-in", "tsa.csr", *issuer, "-extensions", "leaf", "-out", "tsa.pem")

    def _run(self, *arguments: str) -> bytes:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Authority]:
    """Start an authority that keeps its keys in ``folder``, and end it afterwards."""
    authority = Authority(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            if authority.mode == "hang":
                authority.asked += 1
                authority.released.wait(30)
                return
            status, body = authority.answer(query)
            with contextlib.suppress(OSError):  # who asked may have hung up
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the output of the tests clean."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        authority.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield authority
        finally:
            authority.released.set()
            server.shutdown()
            thread.join()
