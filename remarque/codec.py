"""JSON values to the value types of the contract and back, with nothing guessed.

``from_json(cls, value)`` reads what ``json.loads`` returned into a frozen dataclass of ``remarque.answers``;
``to_json(obj)`` is its inverse. Known are nested dataclasses, ``list``, ``dict`` with text or enum keys, ``StrEnum``,
``str``, ``int``, ``float``, ``bool``, ``datetime`` (RFC 3339, read into UTC), ``X | None``, ``Any`` (any JSON value).

A field that is missing and has no default, or holds the wrong type, raises AnswerNotUnderstood, which names its path.
Fields that are not known are ignored, so that an older client reads a newer service.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from remarque.errors import AnswerNotUnderstood, InvalidRequest

T = TypeVar("T")
Reader = Callable[[object, str], Any]

# RFC 3339 section 5.6, date-time. datetime.fromisoformat alone reads much more (dates, weeks, times without a zone).
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def from_json(cls: type[T], value: object) -> T:
    """Read a JSON value into ``cls``. Raises AnswerNotUnderstood with the path of what does not fit."""
    reader: Reader = _reader(cast(Any, cls))
    return cast(T, reader(value, "$"))


def to_json(obj: object) -> Any:
    """The JSON value of a value type: every field by its name, null where it is None, times in UTC with ``Z``.

    Raises InvalidRequest for a time without a zone or a value that JSON has no form for.
    """
    if isinstance(obj, StrEnum):
        return obj.value
    if obj is None or isinstance(obj, str | int | float):
        return obj
    if isinstance(obj, datetime):
        return write_time(obj)
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        return {field.name: to_json(getattr(obj, field.name)) for field in dataclasses.fields(obj)}
    if isinstance(obj, Mapping):
        return {_key(key): to_json(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [to_json(value) for value in obj]
    raise InvalidRequest(f"{type(obj).__name__} has no form in JSON")


def read_time(text: str) -> datetime:
    """Read an RFC 3339 time into UTC; digits past the microsecond are cut. Raises InvalidRequest."""
    if _TIME.fullmatch(text) is None:
        raise InvalidRequest(f"{text!r} is no RFC 3339 time, for instance 2026-11-23T12:00:00Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{text!r} is no time of the calendar") from None


def write_time(moment: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC. Raises InvalidRequest where it has no zone."""
    if moment.utcoffset() is None:
        raise InvalidRequest(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidRequest(f"{type(key).__name__} cannot be a name in a JSON object")
    return key.value if isinstance(key, StrEnum) else key


def _wrong(path: str, expected: str, value: object) -> AnswerNotUnderstood:
    return AnswerNotUnderstood(f"{path}: expected {expected}, got {_kind(value)}")


def _kind(value: object) -> str:
    """The JSON name of a value's type; text is not repeated, it may be long or private."""
    kinds = {type(None): "null", bool: "true or false", str: "text", dict: "an object", list: "a list"}
    return kinds.get(type(value), "a number")


@cache
def _reader(hint: Any) -> Reader:
    """The function that reads one type. Made once for each type, so that large answers are read quickly."""
    origin = get_origin(hint)
    if hint is Any:
        return lambda value, path: value
    if origin is list:
        return _list_reader(_reader(get_args(hint)[0]))
    if origin is dict:
        return _dict_reader(*(_reader(part) for part in get_args(hint)))
    if origin in (Union, UnionType):
        return _optional_reader(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass_reader(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum_reader(hint)
    if hint is datetime:
        return _read_datetime
    if hint in (str, int, bool):
        return _scalar_reader(hint)
    if hint is float:
        return _read_number
    raise TypeError(f"{hint!r} is no type of the contract")


def _scalar_reader(cls: type[str] | type[int] | type[bool]) -> Reader:
    expected = {str: "text", int: "a whole number", bool: "true or false"}[cls]

    def read(value: object, path: str) -> object:
        if type(value) is not cls:  # not isinstance: True is an int, and a count of True is a mistake
            raise _wrong(path, expected, value)
        return value

    return read


def _read_number(value: object, path: str) -> object:
    if type(value) not in (int, float):
        raise _wrong(path, "a number", value)
    return float(value)  # type: ignore[arg-type]  # one of the two


def _enum_reader(cls: type[StrEnum]) -> Reader:
    members = {member.value: member for member in cls}
    expected = f"one of {', '.join(members)}"

    def read(value: object, path: str) -> StrEnum:
        if not isinstance(value, str):
            raise _wrong(path, expected, value)
        try:
            return members[value]
        except KeyError:
            raise AnswerNotUnderstood(f"{path}: expected {expected}, got {value[:40]!r}") from None

    return read


def _read_datetime(value: object, path: str) -> datetime:
    if not isinstance(value, str):
        raise _wrong(path, "an RFC 3339 time", value)
    try:
        return read_time(value)
    except InvalidRequest as error:
        raise AnswerNotUnderstood(f"{path}: {error}") from None


def _list_reader(item: Reader) -> Reader:
    def read(value: object, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(path, "a list", value)
        return [item(entry, f"{path}[{i}]") for i, entry in enumerate(value)]

    return read


def _dict_reader(key: Reader, item: Reader) -> Reader:
    def read(value: object, path: str) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        return {key(name, f"{path}, name"): item(entry, f"{path}.{name}") for name, entry in value.items()}

    return read


def _optional_reader(hint: Any) -> Reader:
    parts = [part for part in get_args(hint) if part is not type(None)]
    if len(parts) != 1 or len(parts) == len(get_args(hint)):
        raise TypeError(f"{hint!r}: only X | None is a type of the contract")
    item = _reader(parts[0])
    return lambda value, path: None if value is None else item(value, path)


def _dataclass_reader(cls: type[Any]) -> Reader:
    hints = get_type_hints(cls)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(cls)}
    missing = dataclasses.MISSING
    required = [f.name for f in dataclasses.fields(cls) if f.default is missing and f.default_factory is missing]

    def read(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        for name in required:
            if name not in value:
                raise AnswerNotUnderstood(f"{path}.{name} is missing")
        return cls(**{name: item(value[name], f"{path}.{name}") for name, item in readers.items() if name in value})

    return read
