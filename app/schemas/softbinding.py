"""Bodies and answers of the C2PA Soft Binding Resolution API, in its own spelling (specification 2.4)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field


class BindingQuery(BaseModel):
    """A soft binding that is too long for an address. Other members are passed over, as the API leaves them open."""

    alg: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingMatch:
    """A manifest that may be that of the picture: a candidate. ``endpoint`` is left out, because it is fetched here.

    ``similarityScore``: bits that are the same, in percent; 50 is what chance gives.
    """

    manifestId: str
    similarityScore: Annotated[int, Field(ge=0, le=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """The manifests that were found, best first, then the one that was logged first. None is no error."""

    matches: list[BindingMatch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """A name of the C2PA soft binding algorithm list."""

    alg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedAlgorithms:
    """What the service can be asked by."""

    watermarks: list[Algorithm]
    fingerprints: list[Algorithm]
