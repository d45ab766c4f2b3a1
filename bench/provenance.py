"""Verdicts on real labelled files: every file of DIR/provenance through the sandbox, against what is published of it.

    python -m bench.provenance DIR [--anchors FILE] [--write]

DIR/manifest.csv names the files and what is expected of them: the published c2patool report for the files of
c2pa-org/public-testfiles, the generator for the samples of tools; what the C2PA library gave for its own fixtures is
recorded below. The files of DIR/broken, damaged pictures without a label, are read too: none may crash the reader, and
none may seem to carry one. (DIR/metadata holds tables and no pictures.) Prints each file that is no plain "nothing
found", each difference, and counts; --write puts the tables into docs/verification.md. Exits with 1 on a difference
without a reason, or on an exception that is no PictureError.
"""

import argparse
import csv
import functools
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from remarque.answers import Verdict
from remarque.errors import PictureError
from remarque.labels.verify import Reading, read_labels
from remarque.sandbox import Sandbox

DOCUMENT = Path(__file__).parent.parent / "docs" / "verification.md"
PARTS = ("provenance/", "broken/")
BEGIN, END = "<!-- written by bench/provenance.py: begin -->\n", "<!-- end -->\n"

#: What c2pa-rs 0.91.3 gave for the fixtures of c2pa-python, c2pa-node, c2pa-js and datadiligence, without trust
#: list and network. Nobody publishes reports of these: the record makes a change show, and proves no more.
FIXTURES = {
    "CA.jpg": "valid",
    "CACAE-uri-CA.jpg": "valid",
    "CA_ct.jpg": "valid",
    "boxhash.jpg": "valid",
    "legacy_ingredient_hash.jpg": "valid",
    "C.jpg": "valid",
    "C_with_CAWG_data.jpg": "valid",
    "composite-dst.jpg": "valid",
    "genai-actions-v2.jpg": "valid",
    "ingredient-with-data-types.jpg": "valid",
    "sample_c2pa.png": "valid",
    "CIE-sig-CA.jpg": "invalid",
    "E-sig-CA.jpg": "invalid",
    "XCA.jpg": "invalid",
    "ims_multiple_manifests.jpg": "invalid",
    "prerelease.jpg": "invalid",
    "cloud.jpg": "remote",
    "cloudx.jpg": "remote",
    "cloud-only-firefly.jpg": "remote",
}

#: Differences that are understood, by the end of the file's name.
REASONS = {
    "E-clm-CAICAI.jpg": "same finding; the newer library names the missing claim by the ingredient that lost it",
    "E-sig-CA.jpg": "same finding; a time-stamp that does not fit is informational in the newer library",
    "text_after_idat.png": "the text stands behind the picture data, where PNG allows it; it is read here",
    "exiftool/t__images__XMP.svg": "it holds a manifest of a form older than C2PA 1.0, which the library cannot parse",
    "automatic1111_stealth.png": "the parameters hide in the low bits of the alpha channel, which is not read here",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One file: what is published of it, and what came out."""

    file: str
    expected: str
    codes: tuple[str, ...]
    found: Reading | None
    problem: str
    seconds: float

    @property
    def state(self) -> str:
        """The state of the C2PA layer, or what else came out."""
        if self.found is None:
            return self.problem.split(":")[0]
        return next((layer.state for layer in self.found.layers if layer.layer == "c2pa"), "absent")

    @property
    def failures(self) -> tuple[str, ...]:
        """C2PA failure codes but for the signer's, whom no list used here knows."""
        if self.found is None:
            return ()
        listed = [one["code"] for layer in self.found.layers[:1] for one in layer.detail.get("failures", [])]
        return tuple(code for code in listed if code != "signingCredential.untrusted")

    @property
    def outcome(self) -> str:
        """The verdict, or the name of the error."""
        return str(self.found.verdict) if self.found else self.problem.split(":")[0]

    @property
    def source(self) -> str:
        """The folder it comes from, within DIR."""
        part, _, rest = self.file.partition("/")
        return rest.split("/")[0] if part == "provenance" else part

    @property
    def differs(self) -> bool:
        """Whether state, verdict or codes are not what is published."""
        if self.expected in ("valid", "invalid", "absent", "remote"):
            return self.state != self.expected or (bool(self.codes) and set(self.codes) != set(self.failures))
        if self.expected == "any":
            return self.found is not None and self.found.verdict is not Verdict.NOTHING_FOUND
        return self.found is None or self.found.verdict != self.expected

    @property
    def reason(self) -> str:
        """Why it differs, where that is known."""
        return next((why for end, why in REASONS.items() if self.file.endswith(end)), "") if self.differs else ""


def expectation(row: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """What the manifest expects: a C2PA state with failure codes, a verdict, or `any`."""
    text = row["expectation"]
    if "validation_status=" in text:
        status = text.split("validation_status=")[1].split(";")[0].split(" ")[0]
        return ("valid", ()) if status == "none" else ("invalid", tuple(status.split(",")))
    if text.startswith("no c2pa manifest"):
        return "absent", ()
    if text.startswith(("generator metadata", "ComfyUI metadata")):
        return Verdict.UNSIGNED_METADATA, ()
    if text.startswith(("no generator metadata", "no readable generator metadata")):
        return Verdict.NOTHING_FOUND, ()
    name = row["file"].rsplit("__", 1)[-1]
    return FIXTURES.get(name, "absent" if row["kind"] == "c2pa" else "any"), ()


def rows(folder: Path, anchors: bytes) -> list[Row]:
    """Verify every file, each within the sandbox's limits."""
    with (folder / "manifest.csv").open(newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["file"].startswith(PARTS)]
    done = []
    with Sandbox(1, preload=["remarque.labels.verify"]) as sandbox:
        for row in listed:
            found, problem = None, ""
            data = (folder / row["file"]).read_bytes()
            started = time.perf_counter()
            try:
                found = sandbox.run(functools.partial(read_labels, data, trust_anchors=anchors))
            except PictureError as error:
                problem = f"{type(error).__name__}: {error}"
            except Exception as error:
                problem = f"BUG {type(error).__name__}: {str(error).splitlines()[-1]}"
            done.append(Row(row["file"], *expectation(row), found, problem, time.perf_counter() - started))
    return done


def tables(done: list[Row]) -> str:
    """Counts by source, and every file of which something is expected or that differs, as Markdown."""
    outcomes = sorted({row.outcome for row in done})
    lines = ["| files of | " + " | ".join(f"`{one}`" for one in outcomes) + " |", "|---|" + "---|" * len(outcomes)]
    for source in sorted({row.source for row in done}):
        counts = Counter(row.outcome for row in done if row.source == source)
        lines.append(f"| {source} | " + " | ".join(str(counts[one] or "") for one in outcomes) + " |")
    lines += ["", "| file | expected | C2PA | verdict | failures | difference |", "|---|---|---|---|---|---|"]
    for row in sorted(done, key=lambda row: row.file):
        if row.expected == "any" and not row.differs:
            continue
        name = f"{row.source}: {row.file.rsplit('/', 1)[-1].rsplit('__', 1)[-1]}"
        expected = ", ".join(row.codes) or row.expected
        codes = ", ".join(row.failures) or "-"
        lines.append(f"| {name} | {expected} | {row.state} | {row.outcome} | {codes} | {row.reason or '-'} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.provenance")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--anchors", type=Path, help="trust anchors, PEM")
    parser.add_argument("--write", action="store_true", help=f"write the table into {DOCUMENT.name}")
    options = parser.parse_args()
    done = rows(options.folder, options.anchors.read_bytes() if options.anchors else b"")
    unexplained = 0
    for row in done:
        unexplained += (row.differs and not row.reason) or row.problem.startswith("BUG")
        if row.differs or row.outcome in ("trusted_label", "untrusted_label", "invalid_label", "conflict", "remote"):
            mark = "" if not row.differs else f"  DIFFERS from {row.expected}: {row.reason or 'NO REASON KNOWN'}"
            print(f"{row.file}: {row.outcome} ({row.state}){mark}")
        if row.problem.startswith("BUG"):
            print(f"{row.file}: {row.problem}")
    slowest = max(done, key=lambda row: row.seconds)
    print(f"\n{len(done)} files; slowest {slowest.seconds:.2f} s ({slowest.file})")
    print(dict(Counter(row.outcome for row in done)))
    print(f"{sum(row.differs for row in done)} differ from what is expected, {unexplained} of them for no known reason")
    if options.write:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        DOCUMENT.write_text(before + BEGIN + tables(done) + END + rest.partition(END)[2])
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
