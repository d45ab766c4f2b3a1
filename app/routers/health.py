"""Whether the process lives, and whether it can answer."""

from dataclasses import dataclass

from fastapi import APIRouter

from app.deps import IndexDep
from app.problems import documented
from remarque.errors import NotReady

router = APIRouter(tags=["Health"])


@dataclass(frozen=True, slots=True)
class Alive:
    """The process runs."""

    status: str = "alive"


@dataclass(frozen=True, slots=True)
class Ready:
    """Checks are answered, for this state of the log."""

    tree_size: int
    root: str
    status: str = "ready"


@router.get("/healthz")
def healthz() -> Alive:
    """Whether the process lives: restart it if not."""
    return Alive()


@router.get("/readyz", responses=documented(NotReady))
def readyz(index: IndexDep) -> Ready:
    """Whether the index follows the log: send no traffic if not."""
    view = index.view
    return Ready(tree_size=view.tree_size, root=view.root)
