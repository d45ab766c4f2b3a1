"""Segments: directories of arrays that never change, mapped into memory by any number of processes.

A segment holds one ``.npy`` file for each array and ``segment.json``, which names format version, facts and, for each
file, dtype, shape, size and SHA-256. It is written beside its place and renamed, so that it is there whole or not at
all; the same content gives the same bytes. Nothing in it is ever written again: to change it, write another and remove
this one (what is mapped stays readable until it is let go).

Opening compares sizes and headers. A mapped page that lies beyond the end of a file would kill the process;
that cannot happen to a file whose size was right when it was opened and that nobody shortens afterwards.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from remarque.durable import sync_directory, write_file
from remarque.errors import RemarqueError, SegmentDamaged
from remarque.matching.index import Words
from remarque.matching.mih import Arrays, MihIndex

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

#: Changes whenever a reader of the older format would misread the newer.
FORMAT = "remarque/segment/v1"

DESCRIPTION = "segment.json"

#: Bytes of segment.json, at most: it is a few kilobytes, and is parsed before anything has been checked.
MAX_DESCRIPTION = 1 << 20

#: What an array may hold: numbers, lowest byte first. Texts and objects have no fixed length and are kept elsewhere.
DTYPES = ("|b1", "|i1", "|u1", *(f"<{kind}{size}" for kind in "iuf" for size in (2, 4, 8)))
MAX_DIMENSIONS = 4


#: What begins the name of a directory that is being written; such a one is never opened and may be removed.
UNFINISHED = ".unfinished-"

_NAME = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """``arrays``: by name, read-only and mapped. ``facts``: what the writer said about them, for instance tree_size."""

    directory: Path
    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, JSON]

    @staticmethod
    def write(directory: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, JSON]) -> None:
        """Write a new segment; it is on the disk, whole, when this returns.

        Names are letters, digits, _ and -; arrays as DTYPES says. Raises SegmentDamaged if ``directory`` exists or a
        name, an array or a fact cannot be written; OSError if the disk refuses.
        """
        if directory.exists():
            raise SegmentDamaged(f"{directory} exists; a segment is never written twice")
        directory.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=directory.parent))
        try:
            files = {name: _write_array(unfinished, name, array) for name, array in sorted(arrays.items())}
            text = _description({"format": FORMAT, "facts": dict(facts), "files": files})
            write_file(unfinished / DESCRIPTION, text)
            unfinished.chmod(0o755)
            sync_directory(unfinished)
            unfinished.rename(directory)
            sync_directory(directory.parent)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise

    @staticmethod
    def open(directory: Path, *, verify: Literal["size", "digest"] = "size") -> Segment:
        """Map a segment, in milliseconds; with ``digest`` every byte is read and compared, at about 1 GB/s.

        Raises SegmentDamaged, naming the file, on anything that is missing or not as it was written.
        """
        description = _read_description(directory)
        arrays = {}
        for name, file in description["files"].items():
            path = directory / f"{name}.npy"
            try:
                arrays[name] = _map(path, file)
                if verify == "digest" and _digest(path) != file["sha256"]:
                    raise SegmentDamaged(f"{path} was altered: its SHA-256 is another")
            except OSError as error:
                raise SegmentDamaged(f"{path} cannot be read: {error.strerror}") from error
        return Segment(directory, arrays, description["facts"])


def write_index(
    directory: Path, hashes: Words, radius: int, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, JSON]
) -> None:
    """Index ``hashes``, uint64 (n, words), for searches of about ``radius`` and write it as a segment.

    ``arrays``: others to be kept with it, under names that the index does not use (those of mih.Arrays).
    """
    taken = set(arrays) & set(Arrays._fields)
    if taken:
        raise SegmentDamaged(f"{', '.join(sorted(taken))}: these names belong to the index")
    Segment.write(directory, {**arrays, **MihIndex.build(hashes, radius).arrays}, facts)


def open_index(directory: Path, *, verify: Literal["size", "digest"] = "size") -> tuple[MihIndex, Segment]:
    """Open a segment written by write_index. Raises SegmentDamaged, also if it holds no index."""
    segment = Segment.open(directory, verify=verify)
    try:
        return MihIndex(segment.arrays), segment
    except RemarqueError as error:
        raise SegmentDamaged(f"{directory} holds no index: {error}") from error


def _write_array(directory: Path, name: str, array: NDArray[Any]) -> dict[str, JSON]:
    if not _NAME.fullmatch(name):
        raise SegmentDamaged(f"{name!r} is no name for an array: letters, digits, _ and -")
    if array.dtype.str not in DTYPES or array.ndim > MAX_DIMENSIONS:
        raise SegmentDamaged(f"{name} holds {array.dtype.str!r} {array.shape}; written are {', '.join(DTYPES)}")
    path = directory / f"{name}.npy"
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    write_file(path, _header(array.dtype, array.shape), flat.data)
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "bytes": path.stat().st_size,
        "sha256": _digest(path),
    }


def _description(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise SegmentDamaged(f"facts are JSON values: {error}") from error


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What a .npy file begins with (NEP 1, version 1.0): ours, because numpy's own differs from version to version."""
    text = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def _read_description(directory: Path) -> dict[str, Any]:
    path = directory / DESCRIPTION
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DESCRIPTION + 1)
        value = json.loads(content)
    except OSError as error:
        raise SegmentDamaged(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SegmentDamaged(f"{path} is no JSON: {error}") from error
    if len(content) > MAX_DESCRIPTION or not isinstance(value, dict):
        raise SegmentDamaged(f"{path} is no description of a segment")
    if value.get("format") != FORMAT:
        raise SegmentDamaged(f"{path} is of the format {value.get('format')!r}; this version reads {FORMAT!r}")
    if set(value) != {"format", "facts", "files"} or not all(isinstance(value[k], dict) for k in ("facts", "files")):
        raise SegmentDamaged(f"{path} must have format, facts and files, and nothing else")
    for name, file in value["files"].items():
        described = isinstance(file, dict) and {k: type(v) for k, v in file.items()} == _DESCRIBED
        if not described or not _is_shape(file["shape"]) or file["dtype"] not in DTYPES or not _NAME.fullmatch(name):
            raise SegmentDamaged(f"{path} does not describe {name!r} as it must: {', '.join(_DESCRIBED)}")
    return value


_DESCRIBED: dict[str, type] = {"bytes": int, "dtype": str, "sha256": str, "shape": list}


def _is_shape(value: list[Any]) -> bool:
    return len(value) <= MAX_DIMENSIONS and all(type(side) is int and 0 <= side < 1 << 40 for side in value)


def _map(path: Path, described: Mapping[str, Any]) -> NDArray[Any]:
    """Map one array read-only, after its size and header were compared with their description."""
    dtype, shape = np.dtype(described["dtype"]), tuple(described["shape"])
    header = _header(dtype, shape)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size != described["bytes"]:
            raise SegmentDamaged(f"{path} has {size} bytes, {described['bytes']} were written")
        if size != len(header) + math.prod(shape) * dtype.itemsize or file.read(len(header)) != header:
            raise SegmentDamaged(f"{path} holds no {dtype} {shape}, which was written")
        if not math.prod(shape):  # nothing cannot be mapped
            empty = np.empty(shape, dtype)
            empty.flags.writeable = False
            return empty
        return np.memmap(file, dtype, "r", len(header), shape).view(np.ndarray)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
