"""A publisher for tests that write to the log without a whole service."""

from pathlib import Path

from app.checkpoints import Publisher
from app.logkeys import prepare_log_keys
from app.settings import Settings


def publisher_in(folder: Path) -> Publisher:
    """Fresh keys and a high-water mark in a folder; the same ones the next time."""
    settings = Settings(data_dir=folder)
    return Publisher.of(prepare_log_keys(settings, signed=False), settings)
