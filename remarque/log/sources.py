"""Where the files of a log are read from: a directory, or an address under which they are served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from remarque.errors import LogError, ServiceUnreachable

#: Reads one file by its path, for instance ``checkpoint`` or ``tile/0/000``; None where the log does not have it.
#: Raises OSError or ServiceUnreachable where it could not be asked.
Read = Callable[[str], bytes | None]

#: The largest file is a bundle of 256 entries of 1 KiB; 64 KiB entries would be 16 MiB.
MAX_FILE_SIZE = 1 << 20

#: Seconds for one answer; how often a connection is tried.
TIMEOUT = 30.0
CONNECTIONS = 3


def read_directory(folder: Path) -> Read:
    """Read from a directory that holds ``checkpoint`` and ``tile/``."""

    def read(path: str) -> bytes | None:
        try:
            with folder.joinpath(path).open("rb") as file:
                return _bounded(path, file.read(MAX_FILE_SIZE + 1))
        except (FileNotFoundError, NotADirectoryError):
            return None

    return read


def read_address(client: httpx.Client, prefix: str) -> Read:
    """Read from ``prefix/checkpoint``, ``prefix/tile/…``. The caller closes the client."""

    def read(path: str) -> bytes | None:
        data = b""
        try:
            with client.stream("GET", f"{prefix}/{path}") as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return None
                if response.status_code != httpx.codes.OK:
                    raise ServiceUnreachable(f"{prefix}/{path} answered {response.status_code}")
                for chunk in response.iter_bytes():
                    data = _bounded(path, data + chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"no answer from {prefix}: {error or type(error).__name__}") from None
        return data

    return read


def log_client() -> httpx.Client:
    """A client for ``read_address``: bounded patience, no redirects."""
    return httpx.Client(timeout=TIMEOUT, transport=httpx.HTTPTransport(retries=CONNECTIONS))


def _bounded(path: str, data: bytes) -> bytes:
    if len(data) > MAX_FILE_SIZE:
        raise LogError(f"{path} has more than {MAX_FILE_SIZE} bytes")
    return data
