"""``remarque verify``: what do the labels of these files say, and do they hold?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from remarque.answers import Verdict
from remarque.cli.files import find_pictures
from remarque.cli.options import Json, Paths, read_address
from remarque.cli.output import DONE, FAILED, FINDING, end, problem, tell_json, tell_table, walk
from remarque.cli.signers import development_pki
from remarque.client import Client
from remarque.codec import to_json
from remarque.errors import InvalidInput, ServiceRefused

#: A refusal with one of these statuses is about this one picture; every other would meet the next picture too.
_ABOUT_THE_PICTURE = frozenset({413, 415, 422})

#: The verdicts that are a finding: something is wrong with what the file says about itself.
_FINDINGS = frozenset({Verdict.INVALID_LABEL.value, Verdict.CONFLICT.value})

Verify = Callable[[bytes], dict[str, Any]]


def verify(
    paths: Paths,
    registry: Annotated[
        str | None,
        typer.Option(
            help="Send the files to this registry instead of reading them on this machine.",
            show_default=False,
            callback=read_address,
        ),
    ] = None,
    trust_anchors: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Roots to trust, PEM. Without it, no public signer is trusted."),
    ] = None,
    json: Json = False,
) -> None:
    """Verify the labels of pictures, on this machine unless --registry is given.

    Exit code 1 where a label is invalid or layers contradict each other, else 3 where a file could not be read, else 0.
    That nothing is found does not mean that a picture was not made by AI.
    """
    if registry is not None and trust_anchors is not None:
        raise typer.BadParameter("a registry trusts its own roots", param_hint="--trust-anchors")
    pictures = find_pictures(paths)
    verifier = _local(trust_anchors) if registry is None else _remote(registry)
    with verifier as read:
        results, stopped = walk(pictures, "verifying", lambda path: _verify(path, read))
    if json:
        tell_json({"registry": registry, "results": results, "stopped": None if stopped is None else problem(stopped)})
    elif results:
        tell_table(("picture", "verdict", "summary"), map(_row, results))
    end(_exit_code(results), stopped)


@contextmanager
def _remote(registry: str) -> Iterator[Verify]:
    with Client(registry) as client:
        yield lambda data: dict(to_json(client.verify(data)))


@contextmanager
def _local(trust_anchors: Path | None) -> Iterator[Verify]:
    """Read in a process that can be stopped: the files may come from anywhere."""
    from remarque.labels.verify import read_labels  # tells which extra is missing, where one is
    from remarque.sandbox import Sandbox

    development = development_pki() / "root.pem"
    read = partial(
        read_labels,
        trust_anchors=b"" if trust_anchors is None else trust_anchors.read_bytes(),
        development_root=development.read_bytes() if development.exists() else b"",
    )
    with Sandbox(1, preload=("remarque.labels.verify",)) as sandbox:
        yield lambda data: dict(to_json(sandbox.run(read, data)))


def _verify(path: Path, read: Verify) -> dict[str, Any]:
    """Verify one file; the result, with a problem that is its own. Raises what would meet the next one too."""
    unread: dict[str, Any] = {"verdict": None, "ai_generated": None, "summary": None, "layers": [], "registry": None}
    try:
        return {"path": str(path)} | unread | read(path.read_bytes()) | {"problem": None}
    except ServiceRefused as error:
        if error.status not in _ABOUT_THE_PICTURE:
            raise
        return {"path": str(path)} | unread | {"problem": problem(error)}
    except (InvalidInput, OSError) as error:
        return {"path": str(path)} | unread | {"problem": problem(error)}


def _row(result: dict[str, Any]) -> tuple[str, str, str]:
    if result["problem"] is not None:
        return result["path"], "failed", result["problem"]["detail"]
    return result["path"], result["verdict"], result["summary"]


def _exit_code(results: list[dict[str, Any]]) -> int:
    if any(result["verdict"] in _FINDINGS for result in results):
        return FINDING
    return DONE if all(result["problem"] is None for result in results) else FAILED
