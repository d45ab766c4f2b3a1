"""The registry's append-only log: entries, commitments and the Merkle tree over them."""
