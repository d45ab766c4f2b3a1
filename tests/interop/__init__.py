"""Against implementations of others. A peer that is not installed is a skip, and in CI a failure."""
