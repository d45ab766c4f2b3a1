"""What docs/erasure.md tells is complete: every table, and every field that somebody may fill."""

from __future__ import annotations

from sqlmodel import SQLModel

from app import tables
from app.erasing import _BLANK
from app.schemas.requests import DeclarationCreate
from tests.test_docs import ROOT

PAGE = (ROOT / "docs/erasure.md").read_text()


def test_every_table_is_accounted_for():
    told = {table for table in SQLModel.metadata.tables if f"`{table}`" in PAGE}
    assert told == set(SQLModel.metadata.tables)


def test_every_field_of_a_declaration_is_blanked():
    columns = set(tables.DeclarationRow.__table__.columns.keys())
    assert set(DeclarationCreate.model_fields) <= columns
    assert columns - _BLANK.keys() == {"id", "idx", "party_id", "claim", "declared_at"}
