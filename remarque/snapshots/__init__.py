"""All active declarations at one state of the log, as files: made, signed, verified, opened, kept up to date.

pull("https://registry.example", Path("snapshot"), key="rmq_…", keys=PinnedKeys.load(Path("keys.json")))
snapshot = open_snapshot(Path("snapshot"))
snapshot.check_picture(Path("found.jpg").read_bytes())
"""

from remarque.snapshots.opened import Facts, Snapshot, open_snapshot, verify_snapshot
from remarque.snapshots.pulling import Pulled, pull

__all__ = ["Facts", "Pulled", "Snapshot", "open_snapshot", "pull", "verify_snapshot"]
