"""What handlers ask for, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from sqlmodel import Session

from app.access import Caller, Scope, identify, require
from app.db import Database
from app.erasing import Eraser
from app.index import Index
from app.labelling import Labeller
from app.limiting import Limiter
from app.logbook import Logbook
from app.reading import Reader
from app.settings import Settings
from app.signing import Signing
from app.snapshots import FOLDER
from app.verifying import Verifier


@dataclass(frozen=True, slots=True)
class Resources:
    """What a service holds while it runs."""

    settings: Settings
    database: Database
    index: Index
    logbook: Logbook
    reader: Reader
    signing: Signing
    labeller: Labeller
    verifier: Verifier
    limiter: Limiter


def resources(request: Request) -> Resources:
    """The running service's resources."""
    return cast(Resources, request.app.state.resources)


ResourcesDep = Annotated[Resources, Depends(resources)]


def _logbook(held: ResourcesDep) -> Logbook:
    return held.logbook


def _eraser(held: ResourcesDep) -> Eraser:
    return Eraser(held.database, held.logbook, held.settings.data_dir / FOLDER)


def _index(held: ResourcesDep) -> Index:
    return held.index


def _reading(held: ResourcesDep) -> Iterator[Session]:
    with held.database.reading() as session:
        yield session


def _writing(held: ResourcesDep) -> Iterator[Session]:
    with held.database.writing() as session:
        yield session


def _caller(request: Request, held: ResourcesDep) -> Caller | None:
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    with held.database.reading() as session:
        return identify(session, authorization)


def _base_url(request: Request, held: ResourcesDep) -> str:
    return (held.settings.public_url or str(request.base_url)).rstrip("/")


LogbookDep = Annotated[Logbook, Depends(_logbook)]
EraserDep = Annotated[Eraser, Depends(_eraser)]
IndexDep = Annotated[Index, Depends(_index)]
ReadSession = Annotated[Session, Depends(_reading)]
WriteSession = Annotated[Session, Depends(_writing)]
MaybeCaller = Annotated[Caller | None, Depends(_caller)]
BaseUrl = Annotated[str, Depends(_base_url)]


#: For the OpenAPI document alone; ``identify`` reads the header.
_BEARER = HTTPBearer(scheme_name="key", description="A key of this registry: rmq_…", auto_error=False)
#: The ``openapi_extra`` of a route that answers without a key as well.
KEY_IS_OPTIONAL: dict[str, Any] = {"security": [{}, {"key": []}]}


def having(scope: Scope) -> Any:
    """A dependency: the caller, whose key has ``scope``."""

    def caller_with_scope(caller: MaybeCaller, _documented: Annotated[object, Security(_BEARER)]) -> Caller:
        return require(caller, scope)

    return Depends(caller_with_scope)


Declarer = Annotated[Caller, having(Scope.DECLARE)]
Checker = Annotated[Caller, having(Scope.CHECK)]
LabelMaker = Annotated[Caller, having(Scope.LABEL)]
Operator = Annotated[Caller, having(Scope.OPERATE)]
