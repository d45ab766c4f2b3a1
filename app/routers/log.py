"""The log as files (C2SP tlog-tiles) and the receipts drawn from it.

Entries are kept from the first one on; serving them is not offered yet, and these routes say so. They stand in no
OpenAPI document until they do what they are named for.
"""

from fastapi import APIRouter

from remarque.errors import NotOfferedYet

router = APIRouter(include_in_schema=False)

A_DAY = 86_400


def _later(what: str) -> NotOfferedYet:
    return NotOfferedYet(f"{what} not offered yet; every entry is kept and will be served.", retry_after=A_DAY)


@router.get("/log/checkpoint")
def read_checkpoint() -> None:
    """The newest signed checkpoint."""
    raise _later("Checkpoints are")


@router.get("/log/tile/entries/{path:path}")
def read_entries(path: str) -> None:
    """A bundle of entries."""
    raise _later("Entry bundles are")


@router.get("/log/tile/{path:path}")
def read_tile(path: str) -> None:
    """A tile of hashes."""
    raise _later("Tiles are")


@router.get("/v1/declarations/{declaration_id}/receipt")
def read_receipt(declaration_id: str) -> None:
    """The receipt of a declaration."""
    raise _later("Receipts are")


@router.post("/v1/receipts/checks")
def create_check_receipt() -> None:
    """A signed receipt for a check that was made elsewhere."""
    raise _later("Check receipts are")
