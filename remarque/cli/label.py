"""``remarque label``: write into generated pictures how they were made."""

import json as json_
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from remarque.cli import watch as watching
from remarque.cli.files import pictures_below
from remarque.cli.options import Json, OptionalKey, OptionalRegistry, read_preferences
from remarque.cli.output import DONE, FAILED, end, problem, say, tell, tell_json, walk
from remarque.cli.signers import Signed, Signer, Wish, cert_signer, development_signer, registry_signer
from remarque.client import write_whole
from remarque.errors import InvalidInput, InvalidManifestPresent, ServiceRefused

#: A refusal with one of these statuses is about this one picture; every other would meet the next picture too.
_ABOUT_THE_PICTURE = frozenset({409, 413, 415, 422})

SourceType = Literal[
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic", "algorithmicMedia"
]
Sign = Callable[[str, bytes], Signed]


def label(
    source: Annotated[
        Path, typer.Argument(metavar="IN", exists=True, help="A picture, or a folder of pictures.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The labelled picture; a folder, if IN is one.", show_default=False)
    ],
    system: Annotated[str, typer.Option(help="Name of the generator.", show_default=False)],
    system_version: Annotated[str | None, typer.Option(help="Its version.")] = None,
    provider: Annotated[str | None, typer.Option(help="Who offers it.")] = None,
    digital_source_type: Annotated[
        SourceType, typer.Option(help="The IPTC term for how the picture was made.")
    ] = "trainedAlgorithmicMedia",
    preference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CATEGORY=VALUE",
            show_default=False,
            help="For instance ai_training=allowed; may be repeated. What is not named is disallowed.",
        ),
    ] = None,
    constraint: Annotated[
        str | None, typer.Option(help="What a constrained use is subject to, for everybody to read.")
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A text that is written into the pictures as their prompt. No prompt is written otherwise.",
        ),
    ] = None,
    strip_metadata: Annotated[
        bool, typer.Option("--strip-metadata", help="Take out what tools wrote: parameters, prompts, workflows.")
    ] = False,
    profile: Annotated[
        Literal["cn"] | None,
        typer.Option(show_default=False, help="cn: the implicit label of GB 45438-2025 as well."),
    ] = None,
    cn_producer: Annotated[
        str | None,
        typer.Option(metavar="CODE", show_default=False, help="Your producer code for --profile cn, to sign here."),
    ] = None,
    on_invalid: Annotated[
        Literal["refuse", "replace"], typer.Option(help="What to do with a manifest that does not verify.")
    ] = "refuse",
    registry: OptionalRegistry = None,
    key: OptionalKey = None,
    cert: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your certificate chain, PEM, leaf first.")
    ] = None,
    cert_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its private key, PEM.", show_default=False)
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on and label each picture that comes into the folder IN, until Ctrl-C."),
    ] = False,
    json: Json = False,
) -> None:
    """Label generated pictures; the format and the pixels stay what they are.

    Signs with --cert and --cert-key, else through --registry with --key, else with a development key that is made on
    this machine and that nobody else trusts. OUT appears whole and labelled, or not at all. With --watch, --json prints
    one line for each picture.
    """
    if (cert is None) != (cert_key is None):
        raise typer.BadParameter("a certificate and its key go together", param_hint="--cert, --cert-key")
    if cn_producer is not None and (profile is None or (registry is not None and cert is None)):
        raise typer.BadParameter(
            "a producer is named for --profile cn where this machine signs", param_hint="--cn-producer"
        )
    if profile and cn_producer is None and (registry is None or cert is not None):
        raise typer.BadParameter("needs --cn-producer where this machine signs", param_hint="--profile cn")
    wish = Wish(
        system=system,
        system_version=system_version,
        provider=provider,
        digital_source_type=digital_source_type,
        preferences=read_preferences(preference or []),
        constraint=constraint,
        prompt=_prompt(prompt_file),
        profiles=(profile,) if profile else (),
        cn_producer=cn_producer,
        keep_metadata=not strip_metadata,
        on_invalid=on_invalid,
    )

    def signing(sleep: Callable[[float], object] = time.sleep) -> AbstractContextManager[Signer]:
        if cert is not None and cert_key is not None:
            return cert_signer(wish, cert, cert_key)
        if registry is not None:
            return registry_signer(wish, registry, key, sleep=sleep)
        return development_signer(wish)

    if watch:
        watching.require_apart(source, out)
        with watching.until_interrupted() as stop, signing(stop.wait) as (name, sign):
            say(f"signing with {name}; watching {source}, Ctrl-C ends it")
            show = (lambda result: tell(json_.dumps(result))) if json else (lambda result: tell(_line(result)))
            end(watching.run(source, out, lambda one, target: _label_whole(one, target, sign), show, stop), None)
    pairs = _pairs(source, out)
    with signing() as (name, sign):
        say(f"signing with {name}")
        tell_one = None if json else lambda result: tell(_line(result))
        results, stopped = walk(pairs, "labelling", lambda pair: _label(*pair, sign), tell_one)
    if json:
        tell_json({"signer": name, "results": results, "stopped": None if stopped is None else problem(stopped)})
    end(DONE if all(result["problem"] is None for result in results) else FAILED, stopped)


def _prompt(file: Path | None) -> str | None:
    """The prompt that a file holds, without the end of its last line. Raises typer.BadParameter."""
    try:
        return None if file is None else file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter("it cannot be read as UTF-8 text", param_hint="--prompt-file") from None


def _pairs(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Which picture becomes which file. Raises typer.BadParameter where a failure would leave an unlabelled OUT."""
    if source.is_dir():
        if out.exists() and not out.is_dir():
            raise typer.BadParameter("IN is a folder, so OUT must be one", param_hint="OUT")
        pairs = [(path, out / path.relative_to(source)) for path in pictures_below(source)]
        if not pairs:
            raise typer.BadParameter("no picture is in that folder", param_hint="IN")
    else:
        pairs = [(source, out / source.name if out.is_dir() else out)]
    for one, target in pairs:
        if target.exists() and target.samefile(one):
            raise typer.BadParameter(
                "IN and OUT are the same file; a failure would leave it unlabelled", param_hint="OUT"
            )
    return pairs


def _label_whole(source: Path, target: Path, sign: Sign) -> dict[str, Any]:
    """As ``_label``, for a picture that somebody may still be writing."""
    try:
        reason = watching.broken(source)
    except OSError as error:
        return _result(source, target, problem=problem(error))
    if reason is not None:
        detail = f"no whole picture, or not yet: {reason}"
        return _result(source, target, problem={"code": "not_whole", "detail": detail})
    return _label(source, target, sign)


def _label(source: Path, target: Path, sign: Sign) -> dict[str, Any]:
    """Label one picture; the result, with a problem that is its own. Raises what would meet the next one too."""
    try:
        signed = sign(source.name, source.read_bytes())
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, signed.data)
    except ServiceRefused as error:
        if error.status not in _ABOUT_THE_PICTURE:
            raise
        return _result(source, target, problem=problem(error))
    except (InvalidInput, InvalidManifestPresent, OSError) as error:
        return _result(source, target, problem=problem(error))
    return _result(source, target, signed)


def _result(
    source: Path, target: Path, signed: Signed | None = None, problem: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "path": str(source),
        "out": None if signed is None else str(target),
        "status": "failed" if signed is None else "labelled",
        "id": None if signed is None else signed.id,
        "layers": [] if signed is None else signed.layers,
        "warnings": [] if signed is None else signed.warnings,
        "record": None if signed is None else signed.record,
        "problem": problem,
    }


def _line(result: dict[str, Any]) -> str:
    if result["problem"] is not None:
        return f"failed    {result['path']}  {result['problem']['detail']}"
    warned = "".join(f"  warning: {warning}" for warning in result["warnings"])
    return f"labelled  {result['out']}  {result['id']}  ({', '.join(result['layers'])}){warned}"
