"""``remarque declare``: say how pictures may be used."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from remarque.answers import Status
from remarque.cli.files import find_pictures, state_dir
from remarque.cli.journal import Journal, statement_digest
from remarque.cli.local import fingerprints_to_declare
from remarque.cli.options import Json, Key, Paths, Registry, read_moment, read_preferences
from remarque.cli.output import DONE, FAILED, end, problem, say, tell, tell_json, walk
from remarque.cli.receipts import keep_receipt
from remarque.client import Client, Statement
from remarque.codec import to_json
from remarque.errors import InvalidInput, ServiceRefused
from remarque.preferences import DEFAULT_PREFERENCES, Category, Preference

#: A refusal with one of these statuses is about this one picture; every other would meet the next picture too.
_ABOUT_THE_PICTURE = frozenset({409, 413, 415, 422})
_NOT_FOUND = 404


def declare(
    paths: Paths,
    registry: Registry,
    key: Key,
    preference: Annotated[
        list[str],
        typer.Option(
            default_factory=list,
            metavar="CATEGORY=VALUE",
            show_default=False,
            help="For instance ai_training=allowed; may be repeated. What is not named is disallowed.",
        ),
    ],
    title: Annotated[str | None, typer.Option(help="Title of the work.")] = None,
    creator: Annotated[str | None, typer.Option(help="Who made it.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the picture itself is published; one picture only.")] = None,
    policy_url: Annotated[str | None, typer.Option(help="A page with your terms.")] = None,
    contact: Annotated[str | None, typer.Option(help="How you can be asked.")] = None,
    constraint: Annotated[str | None, typer.Option(help="What 'constrained' means, in a sentence.")] = None,
    valid_until: Annotated[str | None, typer.Option(help="RFC 3339 time when the declaration ends.")] = None,
    no_upload: Annotated[
        bool, typer.Option("--no-upload", help="Hash the pictures on this machine and send the fingerprints alone.")
    ] = False,
    receipts: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            metavar="DIR",
            help="Save the receipt of each declaration there; those that are there are not fetched again.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Declare how pictures may be used by AI.

    An interrupted run, started again, sends nothing twice. Exit code 3 where some picture could not be declared, or its
    receipt not be saved.
    """
    pictures = find_pictures(paths)
    if receipts is not None:
        receipts.mkdir(parents=True, exist_ok=True)
    if url is not None and len(pictures) > 1:
        raise typer.BadParameter("an address belongs to one picture; name one", param_hint="--url")
    preferences = read_preferences(preference)
    statement: Statement = {
        "preferences": preferences,
        "title": title,
        "creator": creator,
        "url": url,
        "policy_url": policy_url,
        "contact": contact,
        "constraint": constraint,
        "valid_until": read_moment(valid_until),
    }
    with Client(registry, key) as client, Journal(state_dir(), client.base_url, key) as journal:
        run = _Run(client, journal, statement, {**DEFAULT_PREFERENCES, **preferences}, no_upload, receipts)
        results, stopped = walk(
            pictures, "declaring", run.declare, None if json else lambda result: tell(_line(result))
        )
    failed = sum(result["problem"] is not None for result in results)
    if json:
        tell_json(
            {
                "registry": client.base_url,
                "results": results,
                "counts": {"pictures": len(pictures), "declared": len(results) - failed, "failed": failed},
                "stopped": None if stopped is None else problem(stopped),
            }
        )
    if stopped is not None:
        say(f"{len(results)} of {len(pictures)} pictures were sent; start again to go on with the others")
    end(FAILED if failed else DONE, stopped)


@dataclass(frozen=True)
class _Run:
    """One run over many pictures: to whom, what was said before, what is said now and what that amounts to."""

    client: Client
    journal: Journal
    statement: Statement
    preferences: Mapping[Category, Preference]
    no_upload: bool
    receipts: Path | None

    def declare(self, path: Path) -> dict[str, Any]:
        """Declare one picture; the result, with a problem that is its own. Raises what would meet the next one too."""
        try:
            result = self._declare(path, path.read_bytes())
        except ServiceRefused as error:
            if error.status not in _ABOUT_THE_PICTURE:
                raise
            return _result(path, "failed", problem=problem(error))
        except (InvalidInput, OSError) as error:
            return _result(path, "failed", problem=problem(error))
        return result if self.receipts is None else self._with_receipt(result, self.receipts)

    def _with_receipt(self, result: dict[str, Any], folder: Path) -> dict[str, Any]:
        """The result with the file of its receipt, or with the problem that kept it from being written."""
        try:
            return result | {"receipt": str(keep_receipt(self.client, folder, result["id"]))}
        except OSError as error:
            detail = f"declared as {result['id']}, and its receipt could not be saved: {error.strerror or error}"
            return result | {"receipt": None, "problem": {"code": "receipt_not_saved", "detail": detail}}

    def _declare(self, path: Path, data: bytes) -> dict[str, Any]:
        sha256, said = hashlib.sha256(data).hexdigest(), statement_digest(to_json(self.statement))
        known = self.journal.find(sha256, said)
        if known is not None and self._stands(known):
            return _result(path, "declared_before", id=known)
        if self.no_upload:
            declaration = self.client.declare_fingerprints(fingerprints_to_declare(data), **self.statement)
        else:
            declaration = self.client.declare((path.name, data), **self.statement)
        self.journal.remember(sha256, said, declaration.id)
        return _result(path, "declared", id=declaration.id)

    def _stands(self, declaration: str) -> bool:
        """Whether the registry still says so: not withdrawn, not changed, and not a registry that was started anew."""
        try:
            standing = self.client.declaration(declaration)
        except ServiceRefused as error:
            if error.status != _NOT_FOUND:
                raise
            return False
        return standing.status is Status.ACTIVE and standing.preferences == self.preferences


def _result(path: Path, status: str, *, id: str | None = None, problem: dict[str, str] | None = None) -> dict[str, Any]:
    return {"path": str(path), "status": status, "id": id, "problem": problem}


def _line(result: dict[str, Any]) -> str:
    said = result["id"] if result["problem"] is None else result["problem"]["detail"]
    return f"{result['status'].replace('_', ' '):<16}{result['path']}  {said}"
