"""``remarque check``: may these pictures be used?"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from remarque.answers import CheckResult, Depth, Reason
from remarque.cli.files import find_pictures
from remarque.cli.local import hash_to_check
from remarque.cli.offline import Offline, offline
from remarque.cli.options import Json, OptionalKey, OptionalRegistry, Paths
from remarque.cli.output import DONE, FAILED, FINDING, end, problem, say, tell_json, tell_table, walk
from remarque.cli.pinned import load_keys
from remarque.cli.receipts import ReceiptFiles
from remarque.client import Claims, Client
from remarque.codec import to_json
from remarque.errors import InvalidInput, RemarqueError, ServiceRefused
from remarque.preferences import DEFAULT_PURPOSE, Category, Preference

#: Pictures a request: 10 is what the service takes from callers without a key.
_BATCH = 10

#: Pictures a request where each request has a receipt, which needs a key: half of what the service takes by default.
_BATCH_WITH_RECEIPT = 500

#: Bytes a request; the service takes 50 MB by default.
_BATCH_BYTES = 40_000_000

#: A refusal with one of these statuses is about a picture; every other would meet the next picture too.
_ABOUT_A_PICTURE = frozenset({413, 415, 422})

#: ``unknown`` for one of these reasons is an answer: it was judged, and nobody said anything about this purpose.
_NOTHING_SAID = frozenset({"no_statement", "not_stated"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A picture, what is said about it, and the state of the registry that this holds for, if it was asked."""

    path: Path
    result: CheckResult
    tree_size: int | None = None
    root: str | None = None


def check(
    context: typer.Context,
    paths: Paths,
    registry: OptionalRegistry = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Ask a snapshot that was pulled instead of a registry; nothing leaves this machine.",
            show_default=False,
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A saved /.well-known/remarque.json: verify the whole snapshot before it is asked.",
            show_default=False,
        ),
    ] = None,
    key: OptionalKey = None,
    purpose: Annotated[Category, typer.Option(help="The use that is asked about.")] = DEFAULT_PURPOSE,
    depth: Annotated[
        Depth | None, typer.Option(help="How hard to look; the deepest there is, if not given.", show_default=False)
    ] = None,
    claims: Annotated[
        Claims, typer.Option(help="Whose permissions count; with 'self', those that nobody verified too.")
    ] = "verified",
    no_upload: Annotated[
        bool,
        typer.Option(
            "--no-upload",
            help="Hash the pictures on this machine and send the hashes alone; "
            "finds whole frames only and reads no statements inside the files.",
        ),
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Have the check logged for ever and save the registry's signed receipt there; needs a key. "
            "With --snapshot, --registry names who signs, and gets a digest of what was checked and the counts alone.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check pictures against what artists said.

    Exit code 1 where something is disallowed or constrained, else 3 where something could not be judged, else 0. That
    nobody said anything is 'unknown': it is not a permission, and the exit code is 0.
    """
    if receipt is not None and (registry is None or key is None):
        raise typer.BadParameter("a receipt is signed by a registry, for a key of its own", param_hint="--receipt")
    files = None if receipt is None else ReceiptFiles(receipt)
    with _asked(context, registry, key, snapshot, keys, files is not None) as (client, source):
        question = _Question(client, purpose, depth, claims, no_upload, files)
        many = _BATCH if files is None else _BATCH_WITH_RECEIPT
        answered, stopped = walk(list(batches(find_pictures(paths), many)), "checking", question.ask)
        if files is not None and registry is not None and isinstance(client, Offline) and stopped is None:
            with Client(registry, key) as signer:
                files.write(client.witnessed(signer, purpose=purpose, claims=claims))
    judged = [one for batch in answered for one in batch]
    if json:
        tell_json(
            source
            | {
                "purpose": purpose.value,
                "results": [_document(one) for one in judged],
                "counts": _counts(judged),
                "stopped": None if stopped is None else problem(stopped),
            }
            | ({} if files is None else {"receipts": files.told()})
        )
    elif judged:
        tell_table(("picture", purpose.value, "reason"), (_row(one) for one in judged))
        _note(judged)
    if files is not None and not json:
        for path in files.told():
            say(f"receipt: {path}")
    end(exit_code([one.result for one in judged]), stopped)


@contextmanager
def _asked(
    context: typer.Context,
    registry: str | None,
    key: str | None,
    snapshot: Path | None,
    keys: Path | None,
    signed: bool,
) -> Iterator[tuple[Client | Offline, dict[str, str]]]:
    """Who is asked, and how the document names it. A registry that only the environment names gives way."""
    if snapshot is not None:
        source = context.get_parameter_source("registry")
        if source is not None and source.name == "COMMANDLINE" and not signed:
            raise typer.BadParameter("ask a registry or a snapshot, not both", param_hint="--snapshot")
        with offline(snapshot, None if keys is None else load_keys(keys)) as here:
            yield here, {"snapshot": str(snapshot)}
    elif keys is not None:
        raise typer.BadParameter("keys verify a snapshot; a registry is asked without", param_hint="--keys")
    elif registry is None:
        raise typer.BadParameter("name a registry, or a snapshot with --snapshot", param_hint="--registry")
    else:
        with Client(registry, key) as client:
            yield client, {"registry": client.base_url}


def batches(pictures: Sequence[Path], many: int = _BATCH) -> Iterator[list[Path]]:
    """The pictures in order, so many at once as one request may hold."""
    batch: list[Path] = []
    size = 0
    for path in pictures:
        more = path.stat().st_size if path.is_file() else 0
        if batch and (len(batch) == many or size + more > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += more
    if batch:
        yield batch


def exit_code(results: Iterable[CheckResult]) -> int:
    """1 where something is restricted, else 3 where something could not be judged, else 0."""
    results = list(results)
    if any(result.preference in (Preference.DISALLOWED, Preference.CONSTRAINED) for result in results):
        return FINDING
    return DONE if all(_is_judged(result) for result in results) else FAILED


def _is_judged(result: CheckResult) -> bool:
    """Whether there is an answer: something is said, or it is known that nothing is. Everything else is a failure."""
    if result.preference is not Preference.UNKNOWN:
        return True
    said = [reason.code in _NOTHING_SAID or reason.preference is not None for reason in result.reasons]
    return all(said) and len(said) > 0


@dataclass(frozen=True)
class _Question:
    """What is asked of whom, the same for every picture of a run."""

    client: Client | Offline
    purpose: Category
    depth: Depth | None
    claims: Claims
    no_upload: bool
    receipts: ReceiptFiles | None

    def ask(self, batch: Sequence[Path]) -> list[Judged]:
        """Check a batch; what cannot be read is ``unknown`` with the reason.

        Raises what would meet the next batch too.
        """
        unread: dict[Path, Judged] = {}
        read: list[tuple[Path, bytes]] = []
        for path in batch:
            try:
                read.append((path, path.read_bytes()))
            except OSError as error:
                unread[path] = _not_judged(path, error)
        if self.no_upload and isinstance(self.client, Client):  # nothing leaves for a snapshot in any case
            judged = self._hashed(self.client, read)
        else:
            judged = self._sent(read)
        answered = {one.path: one for one in judged}
        return [unread.get(path) or answered[path] for path in batch]

    def _sent(self, read: Sequence[tuple[Path, bytes]]) -> list[Judged]:
        if not read:
            return []
        try:
            pictures = [(path.name, data) for path, data in read]
            check = self.client.check(
                *pictures,
                purpose=self.purpose,
                depth=self.depth,
                claims=self.claims,
                receipt=self.receipts is not None,
            )
        except ServiceRefused as error:
            if error.status not in _ABOUT_A_PICTURE:
                raise
            if len(read) == 1:
                return [_not_judged(read[0][0], error)]
            return [one for alone in read for one in self._sent([alone])]
        self._keep(check.receipt)
        return [
            Judged(path, result, check.tree_size, check.root)
            for (path, _), result in zip(read, check.results, strict=True)
        ]

    def _hashed(self, client: Client, read: Sequence[tuple[Path, bytes]]) -> list[Judged]:
        judged: list[Judged] = []
        hashed: list[tuple[Path, str]] = []
        for path, data in read:
            try:
                hashed.append((path, hash_to_check(data)))
            except InvalidInput as error:
                judged.append(_not_judged(path, error))
        if not hashed:
            return judged
        values, signed = [value for _, value in hashed], self.receipts is not None
        check = client.check_hashes(values, purpose=self.purpose, claims=self.claims, receipt=signed)
        self._keep(check.receipt)
        hits = {hit.i: hit for hit in check.hits}
        for i, (path, _) in enumerate(hashed):
            hit = hits.get(i)
            result = CheckResult(
                name=path.name,
                preference=Preference.UNKNOWN if hit is None else hit.preference,
                reasons=[_NO_STATEMENT] if hit is None else hit.reasons,
                matches=[] if hit is None else hit.matches,
            )
            judged.append(Judged(path, result, check.tree_size, check.root))
        return judged

    def _keep(self, receipt: str | None) -> None:
        if self.receipts is not None and receipt is not None:
            self.receipts.write(receipt.encode())


#: What a sparse answer leaves out, said in full.
_NO_STATEMENT = Reason(code="no_statement", source="registry", detail="Nothing is declared about this picture.")


def _not_judged(path: Path, error: RemarqueError | OSError) -> Judged:
    told = problem(error)
    reason = Reason(code=told["code"], source="picture", detail=told["detail"])
    return Judged(path, CheckResult(name=path.name, preference=Preference.UNKNOWN, reasons=[reason]))


def _document(one: Judged) -> dict[str, Any]:
    """The stable JSON of one picture. ``judged`` false: it is not known whether anything is said about it."""
    return {
        "path": str(one.path),
        "judged": _is_judged(one.result),
        **{name: value for name, value in to_json(one.result).items() if name != "name"},
        "tree_size": one.tree_size,
        "root": one.root,
    }


def _counts(judged: Sequence[Judged]) -> dict[str, int]:
    counts = {preference.value: 0 for preference in Preference}
    for one in judged:
        counts[one.result.preference.value] += 1
    return counts | {"not_judged": sum(not _is_judged(one.result) for one in judged)}


def _row(one: Judged) -> tuple[str, str, str]:
    return str(one.path), one.result.preference.value, "; ".join(reason.detail for reason in one.result.reasons)


def _note(judged: Sequence[Judged]) -> None:
    counts = _counts(judged)
    if counts["unknown"]:
        say("unknown is not a permission: nobody said anything here, or it could not be judged")
    if counts["not_judged"]:
        say(f"{counts['not_judged']} of {len(judged)} pictures could not be judged")
