"""Text that people send: one line, no control characters, of bounded length."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, StringConstraints

#: Control characters do not belong into a line of text, and PostgreSQL cannot hold the first of them.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def _address(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname:
        raise ValueError("an address names a host: https://example.org/picture")
    return value


def _representable(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time between the years 1970 and 9998") from None
    if not 1970 <= moment.year <= 9998:
        raise ValueError("a time between the years 1970 and 9998")
    return moment


Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=_PRINTABLE)]
WebAddress = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=r"^https?://[^\x00-\x20\x7f]+$"),
    AfterValidator(_address),
]
Moment = Annotated[AwareDatetime, AfterValidator(_representable)]
