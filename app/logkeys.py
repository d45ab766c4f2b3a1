"""The keys of the log and of the receipts: made at the first start, fixed from then on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.settings import Settings
from remarque.durable import sync_directory
from remarque.errors import LogError
from remarque.log.keys import PinnedKeys, make_key, read_key, receipts_name, write_key
from remarque.log.vkeys import SigningKey

#: The folder of the data directory that holds the keys and the high-water mark.
FOLDER = "log"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """What signs checkpoints, and what signs receipts. The name of the first is the origin of the log."""

    log: SigningKey
    receipts: SigningKey

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.log.name

    @property
    def pinned(self) -> PinnedKeys:
        """What verifiers pin. Raises LogError where both are the same key."""
        return PinnedKeys(self.origin, self.log.verifier, self.receipts.verifier)

    @classmethod
    def load(cls, settings: Settings) -> LogKeys:
        """Read both keys. Raises LogError where they are not there or belong to another origin."""
        log_path, receipts_path = _paths(settings)
        origin = _origin(settings, log_path)
        try:
            keys = cls(read_key(log_path, origin), read_key(receipts_path, receipts_name(origin)))
        except FileNotFoundError as error:
            raise LogError(f"REFUSING TO SIGN: the key {error.filename} is not there") from None
        _ = keys.pinned
        return keys


def prepare_log_keys(settings: Settings, *, signed: bool) -> LogKeys:
    """Make the keys that are missing, unless the log was ``signed`` before. Raises LogError as ``load`` does."""
    log_path, receipts_path = _paths(settings)
    if not signed:
        origin = _origin(settings, log_path)
        for path, name in ((log_path, origin), (receipts_path, receipts_name(origin))):
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_key(path, make_key(name))
                sync_directory(path.parent)
    return LogKeys.load(settings)


def _paths(settings: Settings) -> tuple[Path, Path]:
    folder = settings.data_dir / FOLDER
    return settings.log_key or folder / "log.key", settings.receipts_key or folder / "receipts.key"


def _origin(settings: Settings, path: Path) -> str:
    """What the settings say; else what the key is called, so that a later public address does not rename the log."""
    if settings.origin is not None:
        return settings.origin
    if path.exists():
        return SigningKey.parse(path.read_text().removesuffix("\n")).name
    return f"{urlsplit(settings.public_url or '').hostname or 'localhost'}/log1"
