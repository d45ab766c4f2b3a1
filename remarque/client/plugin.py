"""What a plug-in inside another program needs: where the registry is, and what to tell its user when it fails."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from remarque.errors import InvalidRequest, RemarqueError, ServiceRefused, ServiceUnreachable
from remarque.transport import service_address, usable_key


class Access(NamedTuple):
    """The address of a registry and a key for it. The key shows in no ``repr``."""

    registry: str
    key: str

    def __repr__(self) -> str:
        return f"Access({self.registry!r})"


def read_access(file: Path, environment: Mapping[str, str] | None = None) -> Access:
    """REMARQUE_REGISTRY and REMARQUE_KEY, or what a JSON file ``{"registry": …, "key": …}`` says; each by itself.

    Raises InvalidRequest, which says what to set.
    """
    environment = os.environ if environment is None else environment
    written = _read(file)
    registry = environment.get("REMARQUE_REGISTRY") or written.get("registry")
    key = environment.get("REMARQUE_KEY") or written.get("key")
    if not registry:
        raise InvalidRequest(f'set REMARQUE_REGISTRY, or "registry" in {file}, to the address of the registry')
    if not key:
        raise InvalidRequest(f'set REMARQUE_KEY, or "key" in {file}, to a key with the scope label')
    usable_key(key)
    return Access(service_address(registry), key)


def advice(error: Exception) -> str:
    """What the person in front of the program can do about an error, in one sentence; empty where nothing is known."""
    if isinstance(error, ServiceUnreachable):
        return "Is the registry running, and is its address right?"
    if isinstance(error, ServiceRefused) and error.slug in _ADVICE:
        return _ADVICE[error.slug]
    if isinstance(error, OSError) and not isinstance(error, RemarqueError):
        return "Can the output folder be written, and is the disk full?"
    return ""


_ADVICE = {
    "key-required": "Set REMARQUE_KEY to a key with the scope label.",
    "key-unknown": "The key is not one of this registry; ask its operator for one with the scope label.",
    "scope-missing": "The key may not label; ask the registry's operator for one with the scope label.",
    "too-many-requests": "Wait a little, or ask the registry's operator for a higher limit.",
    "signing-unavailable": "The registry cannot sign now; tell its operator.",
    "busy": "The registry has too much to do; try again.",
    "not-ready": "The registry is starting; try again.",
}


def _read(file: Path) -> dict[str, str]:
    """What the file says; nothing where there is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file} cannot be read: {error}") from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{file} is not JSON") from None
    fields = {"registry", "key"}
    if not isinstance(value, dict) or value.keys() - fields or not all(isinstance(v, str) for v in value.values()):
        raise InvalidRequest(f'{file} holds {{"registry": "https://…", "key": "rmq_…"}} and nothing else')
    return value
