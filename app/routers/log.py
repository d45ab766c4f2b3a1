"""The log as files (C2SP tlog-tiles) and the receipts drawn from it. Entries are kept from the first one on; serving
them is not offered yet, and says so."""

from fastapi import APIRouter

from app.problems import documented
from remarque.errors import NotOfferedYet

router = APIRouter(tags=["Log and receipts"])

LATER = documented(NotOfferedYet)


def _later(what: str) -> NotOfferedYet:
    return NotOfferedYet(f"{what} not offered yet; every entry is kept and will be served.", retry_after=86_400)


@router.get("/log/checkpoint", status_code=503, response_model=None, responses=LATER)
def read_checkpoint() -> None:
    """The newest signed checkpoint. Not offered yet."""
    raise _later("Checkpoints are")


@router.get("/log/tile/entries/{path:path}", status_code=503, response_model=None, responses=LATER)
def read_entries(path: str) -> None:
    """A bundle of entries. Not offered yet."""
    raise _later("Entry bundles are")


@router.get("/log/tile/{path:path}", status_code=503, response_model=None, responses=LATER)
def read_tile(path: str) -> None:
    """A tile of hashes. Not offered yet."""
    raise _later("Tiles are")


@router.post("/v1/receipts/checks", status_code=503, response_model=None, responses=LATER)
def create_check_receipt() -> None:
    """A signed receipt for a check that was made elsewhere. Not offered yet."""
    raise _later("Check receipts are")
