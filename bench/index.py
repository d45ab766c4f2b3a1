"""Exact search in a Hamming radius: the index of this library, from its files, beside FAISS and python-threatexchange.

    python -m bench.index [--sizes 1000000,10000000] [--radius 31] [--data DIR] [--json FILE] [--skip PEER,…]

DIR holds photos/ and art/; without it only random hashes are measured. Everything runs on one core, to which the
process is bound; times are CPU time of the process unless marked wall. A batch is the median of several runs. "none"
are queries that should find nothing; in "planted" one in ten is a stored hash with 0 to 40 of its bits changed, and
every one within the radius must be found, at its distance. The peers need `pip install faiss-cpu threatexchange`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.populations import Hashes, changed, random_hashes, real_hashes
from remarque.matching.index import words
from remarque.matching.mih import MihIndex
from remarque.matching.segments import open_index, write_index

#: Runs of a batch and of opening; single queries. Peers that are slower than a query a millisecond are asked fewer.
RUNS, SINGLES, PEER_QUERIES, PEER_SINGLES = 5, 500, 400, 100
FARTHEST = 40
PEERS = ("flat", "multihash", "pdqindex")

#: Answers of a batch: (query, row, distance) of each hit.
Batch = Callable[[Hashes], Iterable[tuple[int, int, int]]]


@dataclass(frozen=True)
class Row:
    """One line of the table; None is what was not measured."""

    index: str
    content: str
    size: int
    build_s: float
    bytes_a_hash: float | None
    open_ms_wall: float | None
    single_p50_ms: float
    single_p95_ms: float
    none_a_second: float
    planted_a_second: float
    recall: float
    layout: str


@dataclass(frozen=True)
class Queries:
    none: Hashes
    mixed: Hashes
    #: (query, row, distance) of what was planted within the radius
    truth: set[tuple[int, int, int]]

    def first(self, count: int) -> Queries:
        return Queries(self.none[:count], self.mixed[:count], {hit for hit in self.truth if hit[0] < count})


def queries_for(stored: Hashes, none: Hashes, radius: int) -> Queries:
    random = np.random.default_rng(5)
    places = np.arange(0, len(none), 10)
    rows = random.choice(len(stored), len(places), replace=False)
    mixed = none.copy()
    mixed[places], distances = changed(stored[rows], FARTHEST, random)
    truth = zip(places.tolist(), rows.tolist(), distances.tolist(), strict=True)
    return Queries(none, mixed, {hit for hit in truth if hit[2] <= radius})


def cpu(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU, and what was returned."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def measure(batch: Batch, queries: Queries, singles: int) -> dict[str, float]:
    batch(queries.none[:10])  # compiles, maps and warms up
    alone = [cpu(lambda i=i: batch(queries.none[i : i + 1]))[0] * 1e3 for i in range(min(singles, len(queries.none)))]
    none = [cpu(lambda: batch(queries.none))[0] for _ in range(RUNS)]
    mixed, hits = zip(*(cpu(lambda: batch(queries.mixed)) for _ in range(RUNS)), strict=True)
    found = set(hits[0])
    return {
        "single_p50_ms": statistics.median(alone),
        "single_p95_ms": statistics.quantiles(alone, n=20)[-1],
        "none_a_second": len(queries.none) / statistics.median(none),
        "planted_a_second": len(queries.mixed) / statistics.median(mixed),
        "recall": len(queries.truth & found) / len(queries.truth),
    }


def ours(stored: Hashes, queries: Queries, radius: int, content: str) -> Row:
    MihIndex.build(words(stored[:20_000]), radius).search(words(stored[:10]), radius)  # compiles
    with tempfile.TemporaryDirectory(prefix="remarque-bench-") as folder:
        build_s, index = cpu(lambda: MihIndex.build(words(stored), radius))
        widths = index.arrays["blocks"][:, 1].tolist()
        del index
        write_index(Path(folder) / "index", words(stored), radius, {}, {})
        size = sum(path.stat().st_size for path in (Path(folder) / "index").iterdir())
        opening = []
        for _ in range(RUNS):
            start = time.perf_counter()
            index, _ = open_index(Path(folder) / "index")
            opening.append((time.perf_counter() - start) * 1e3)

        def batch(asked: Hashes) -> Any:
            hits = index.search(words(asked), radius)
            return zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True)

        figures = measure(batch, queries, SINGLES)
        for query, row, distance in batch(queries.mixed):
            assert distance == int(np.bitwise_count(queries.mixed[query] ^ stored[row]).sum()) <= radius
        return Row(
            "remarque", content, len(stored), build_s, size / len(stored), statistics.median(opening),
            layout=" ".join(map(str, widths)), **figures,
        )  # fmt: skip


def in_faiss(index: Any, radius: int) -> Batch:
    def batch(asked: Hashes) -> Iterable[tuple[int, int, int]]:
        limits, distances, rows = index.range_search(asked, radius + 1)  # FAISS: less than the radius
        owners = np.repeat(np.arange(len(asked)), np.diff(limits.astype(np.int64)))
        return zip(owners.tolist(), rows.tolist(), distances.astype(int).tolist(), strict=True)

    return batch


def peer(name: str, stored: Hashes, queries: Queries, radius: int, content: str) -> Row:
    import faiss

    faiss.omp_set_num_threads(1)
    fewer = queries.first(PEER_QUERIES)
    if name == "pdqindex":
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        digits = [(row.tobytes().hex(), place) for place, row in enumerate(stored)]
        build_s, index = cpu(lambda: PDQIndex(digits))

        def batch(asked: Hashes) -> Iterable[tuple[int, int, int]]:
            return [
                (i, match.metadata, match.similarity_info.distance)
                for i, row in enumerate(asked)
                for match in index.query(row.tobytes().hex())
            ]

    else:

        def build() -> Any:
            made = faiss.IndexBinaryFlat(256) if name == "flat" else faiss.IndexBinaryMultiHash(256, 16, 16)
            if name == "multihash":
                made.nflip = 1
            made.add(stored)
            return made

        build_s, index = cpu(build)
        batch = in_faiss(index, radius)
    figures = measure(batch, fewer, PEER_SINGLES)
    label = {"flat": "FAISS BinaryFlat", "multihash": "FAISS MultiHash 16x16 nflip 1", "pdqindex": "py-tx PDQIndex"}[
        name
    ]
    return Row(label, content, len(stored), build_s, None, None, layout="", **figures)


def missing_peers() -> str | None:
    missing = []
    for module in ("faiss", "threatexchange"):
        try:
            __import__(module)
        except ImportError:
            missing.append({"faiss": "faiss-cpu"}.get(module, module))
    return f"not beside {', '.join(missing)}: pip install {' '.join(missing)}" if missing else None


def shown(rows: list[Row]) -> Table:
    table = Table("index", "content", "rows", "build s", "B/hash", "open ms", "1 query ms p50 / p95", "none q/s",
                  "planted q/s", "recall", "blocks")  # fmt: skip
    for row in rows:
        table.add_row(
            row.index, row.content, f"{row.size:,}", f"{row.build_s:.2f}",
            "" if row.bytes_a_hash is None else f"{row.bytes_a_hash:.0f}",
            "" if row.open_ms_wall is None else f"{row.open_ms_wall:.1f}",
            f"{row.single_p50_ms:.3f} / {row.single_p95_ms:.3f}", f"{row.none_a_second:,.0f}",
            f"{row.planted_a_second:,.0f}", f"{row.recall:.4f}", row.layout,
        )  # fmt: skip
    return table


def populations(data: Path | None, size: int, only: str | None) -> Iterable[tuple[str, Hashes, Hashes]]:
    """Name, stored hashes, queries that should find nothing."""
    if only != "real":
        yield "random", random_hashes(size, 1), random_hashes(20_000, 2)
    if only != "random" and data is not None:
        yield "real", *real_hashes(data, size, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--radius", type=int, default=31)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--content", choices=["random", "real"], help="only this; both otherwise")
    parser.add_argument("--skip", default="", help=f"peers that are left out, of {','.join(PEERS)}")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=140)
    lacking = missing_peers()
    if lacking:
        console.print(lacking)
    rows: list[Row] = []
    for size in map(int, arguments.sizes.split(",")):
        for content, stored, none in populations(arguments.data, size, arguments.content):
            queries = queries_for(stored, none, arguments.radius)
            rows.append(ours(stored, queries, arguments.radius, content))
            for name in PEERS:
                if lacking or name in arguments.skip.split(","):
                    console.print(f"{name} at {size:,}, {content}: left out, not measured")
                    continue
                rows.append(peer(name, stored, queries, arguments.radius, content))
            console.print(shown(rows))
            if arguments.json:
                arguments.json.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    if any(row.recall < 1 for row in rows if row.index == "remarque"):
        raise SystemExit("not exact: something planted was not found")


if __name__ == "__main__":
    main()
