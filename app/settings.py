"""What an operator can set: environment variables that begin with ``REMARQUE_`` (docs/settings.md)."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one service. Every field is ``REMARQUE_<FIELD>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="REMARQUE_", extra="ignore")

    data_dir: Path = Field(Path("data"), description="Where the database, the keys and the operator key lie.")
    database_url: str | None = Field(
        None, description="A PostgreSQL URL (postgresql://…); without it, SQLite in the data directory."
    )
    public_url: str | None = Field(
        None,
        description="The address that the service is known by; without it, the one that a request came to.",
    )
    max_body_bytes: int = Field(50_000_000, ge=1, description="Bytes of pictures in one request.")
    max_pixels: int = Field(100_000_000, ge=1, description="Pixels of one picture.")
    max_hashes: int = Field(1_000_000, ge=1, description="Hashes in one check.")
    max_images: int = Field(1000, ge=1, description="Pictures in one check.")
    anonymous_images: int = Field(10, ge=0, description="Pictures in one check without a key.")
    anonymous_hashes: int = Field(100, ge=0, description="Hashes in one check without a key.")
    anonymous_rate: str = Field(
        "3000/minute", description="Checks and verifications without a key, from one address, in each worker."
    )
    party_rate: str = Field("300/hour", description="New parties from one address, in each worker.")
    readers: int = Field(
        os.cpu_count() or 1, ge=1, description="Processes of each worker that read pictures and can be killed."
    )
    read_seconds: float = Field(20.0, gt=0, description="How long one picture may be read before its reader is killed.")
    c2pa_chain: Path | None = Field(
        None,
        description="The signing certificate and its intermediates, PEM, leaf first; without it, a development one.",
    )
    c2pa_key: Path | None = Field(None, description="The private key of that certificate, PEM.")
    c2pa_signer: str | None = Field(
        None,
        description="Instead of that key: `package.module:function`, a factory of what signs (docs/operating.md).",
    )
    c2pa_signer_seconds: float = Field(5.0, gt=0, description="How long one signature of that signer may take.")
    tsa_url: str | None = Field(
        None, description="A time-stamp authority (RFC 3161); without it, labels end with their certificate."
    )
    tsa_seconds: float = Field(2.0, gt=0, description="How long a label waits for its time-stamp.")
    cn_producer: str | None = Field(
        None, description="The provider's code under GB 45438-2025; without it, the profile `cn` is refused."
    )
    trust_anchors: Path | None = Field(
        None, description="Roots that verifications trust, PEM; the development root is trusted beside them."
    )

    origin: str | None = Field(
        None,
        description="The name of the log, fixed by its first checkpoint; without it, the public host and /log1.",
    )
    log_key: Path | None = Field(None, description="The key that signs checkpoints; without it, one in DIR/log.")
    receipts_key: Path | None = Field(None, description="The key that signs receipts; without it, one in DIR/log.")
    high_water_mark: Path | None = Field(
        None,
        description="The file that keeps the last published checkpoint, a second (.2) beside it; else in DIR/log.",
    )

    witnesses: str | None = Field(
        None,
        description="Who signs checkpoints beside the log, `<vkey> <url>` with commas between (docs/witness.md).",
    )
    publish_dir: Path | None = Field(
        None, description="A folder in which each published checkpoint becomes a file, for instance a git work tree."
    )
    publish_seconds: float = Field(
        10.0, gt=0, description="How often, at most, a checkpoint goes to the witnesses and into that folder."
    )

    snapshots: Literal["granted", "keyed", "public"] = Field(
        "granted",
        description="Who may have snapshots, with the fingerprints in them: keys with the scope `snapshot`, any key, "
        "or anyone.",
    )
    snapshots_kept: int = Field(5, ge=1, description="How many snapshots are kept, the newest.")

    @property
    def database(self) -> str:
        """The database as SQLAlchemy names it."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / 'remarque.db'}"
        scheme, separator, rest = self.database_url.partition("://")
        if separator and scheme in {"postgres", "postgresql"}:
            return f"postgresql+psycopg://{rest}"
        return self.database_url
