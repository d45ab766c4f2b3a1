"""The application: what it holds while it runs, and its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from fastapi import FastAPI

from app import openapi, problems
from app.bases import Bases
from app.bodies import BodyLimit
from app.browsers import OpenToBrowsers
from app.checkpoints import Publisher
from app.db import Database
from app.deps import Resources
from app.index import Index
from app.labelling import Labeller
from app.limiting import Limiter
from app.logbook import Logbook
from app.reading import Processes, Reader
from app.routers import checks, declarations, disputes, health, labels, log, parties, receipts, snapshots, softbinding
from app.settings import Settings
from app.signing import Signing
from app.verifying import Verifier
from app.web import pages
from app.witnessing import Witnessing
from remarque import __version__

DESCRIPTION = """
Artists say how their pictures may be used by AI. Dataset builders check pictures against what artists said.
Generators label what they make. Anyone can verify all three.

Every answer is `allowed`, `disallowed`, `constrained` or `unknown`, with reasons, for the state of the registry that it
names. `unknown` is not a permission. Errors are `application/problem+json` (RFC 9457).
"""


@contextmanager
def running(settings: Settings, processes: Processes | None = None) -> Iterator[Resources]:
    """Hold everything that a service needs, and let go of it in the reverse order.

    ``processes`` that are given are used and left running: starting them is most of a start.
    """
    with ExitStack() as stack:
        if processes is None:
            processes = Processes(settings.readers, settings.read_seconds)
            stack.callback(processes.close)
        database = Database(settings.database)
        stack.callback(database.close)
        publisher = Publisher.load(settings)
        database.require_durable()
        with database.writing() as session:
            publisher.check(session)
        reader = Reader(settings, processes.readers)
        index = Index(database, Bases(settings.data_dir / "index"))
        stack.callback(index.stop)
        index.start()
        logbook = Logbook(database, publisher, index.catch_up)
        stack.callback(logbook.close)
        witnessing = Witnessing(settings, database, publisher)
        stack.callback(witnessing.stop)
        witnessing.start()
        signing = Signing.load(settings)
        stack.callback(signing.close)
        yield Resources(
            settings=settings,
            database=database,
            index=index,
            logbook=logbook,
            reader=reader,
            signing=signing,
            labeller=Labeller(settings, database, signing, reader, logbook),
            verifier=Verifier(database, index, reader, signing),
            limiter=Limiter(settings),
        )


def create_app(settings: Settings, processes: Processes | None = None) -> FastAPI:
    """Build the application. Nothing is opened before it starts; ``app.prepare`` has made the data directory ready."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with running(settings, processes) as held:
            app.state.resources = held
            yield

    app = FastAPI(
        title="Remarque",
        version=__version__,
        summary="How pictures may be used by AI: said by artists, checked by builders, labelled by generators.",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,  # the reference is a page of our own: nothing is loaded from elsewhere
        redoc_url=None,
    )
    problems.install(app)
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(OpenToBrowsers)
    for router in (parties.router, declarations.router, checks.router, labels.router, log.router, health.router):
        app.include_router(router)
    app.include_router(disputes.router)
    app.include_router(softbinding.router)
    app.include_router(snapshots.router)
    app.include_router(receipts.router)
    pages.install(app)
    app.openapi = lambda: openapi.complete(app)  # type: ignore[method-assign]  # how FastAPI asks to be extended
    return app


def from_environment() -> FastAPI:
    """The application that the environment describes; what uvicorn's workers call."""
    return create_app(Settings())
