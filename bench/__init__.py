"""One script a claim: each prints one table. See bench/README.md."""
