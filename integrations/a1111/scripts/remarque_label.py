"""Label every image that the web UI saves, where it lies. For AUTOMATIC1111, Forge and SD.Next. See README.md.

The host catches what a callback raises, logs it, and goes on. So an image that could not be labelled is set aside here:
``name.png`` becomes ``name.unlabelled.png``, and the user is told. This file runs on Python 3.10 too, which the client
library does not: where it cannot be loaded, the ``remarque`` command of another Python does the work.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from modules import script_callbacks, shared

try:
    from remarque.client import Client, advice
except ImportError:
    Client = None

try:
    import gradio
except ImportError:
    gradio = None

#: ``{"registry": "https://…", "key": "rmq_…"}``, beside the README; the environment goes before it.
CONFIG = Path(__file__).resolve().parent.parent / "remarque.json"

#: Name, value and text of each setting. The host does not register settings where it runs without its pages.
SETTINGS = {
    "remarque_label": (True, "Label every image that is saved; set those aside that cannot be labelled"),
    "remarque_registry": ("", "Address of the registry (empty: REMARQUE_REGISTRY, or remarque.json)"),
    "remarque_system": ("Stable Diffusion web UI", "The system that labels name"),
    "remarque_system_version": ("", "Its version, or the model (empty: not said)"),
    "remarque_provider": ("", "Who offers the system (empty: not said)"),
}

#: Seconds for the command to label one image; a start takes about one.
COMMAND_SECONDS = 300


class CannotLabel(Exception):
    """Something is missing here; the message says what to set."""


def on_ui_settings():
    """Put our settings on the host's page."""
    for name, (value, text) in SETTINGS.items():
        shared.opts.add_option(name, shared.OptionInfo(value, text, section=("remarque", "Remarque")))


def on_image_saved(params):
    """Label what was saved, or set it aside. Raises nothing: nobody would see it."""
    if not _setting("remarque_label"):
        return
    for path in _saved(Path(params.filename)):
        try:
            _label(path)
        except Exception as error:
            # Whatever it was, the file has no label, and the host would leave it where finished images lie.
            _tell(f"{path.name} could not be labelled: {_reason(error)} {_set_aside(path)}")


def _setting(name):
    return getattr(shared.opts, name, SETTINGS[name][0])


def _saved(path):
    """The file that was saved, and the smaller JPEG beside it that the host makes and tells nobody about."""
    small = path.with_suffix(".jpg")
    if getattr(shared.opts, "export_for_4chan", False) and small != path and small.exists():
        if small.stat().st_mtime_ns >= path.stat().st_mtime_ns:  # not one of an earlier image
            return [path, small]
    return [path]


def _label(path):
    """Label a file in place. Raises CannotLabel, errors of the client, OSError; it is what it was then."""
    registry, key = _access()
    wish = {name: _setting(f"remarque_{name}") or None for name in ("system", "system_version", "provider")}
    if command := os.environ.get("REMARQUE_COMMAND"):
        _label_by_command(command, path, registry, key, wish)
    elif Client is None:
        raise CannotLabel(
            "The library of Remarque is not in this Python; set REMARQUE_COMMAND to the remarque command of another."
        )
    elif wish["system"] is None:
        raise CannotLabel("Name the system in Settings > Remarque.")
    else:
        with Client(registry, key) as client:
            client.stamp_file(path, **wish)


def _label_by_command(command, path, registry, key, wish):
    out = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    options = [text for name, value in wish.items() if value for text in (f"--{name.replace('_', '-')}", value)]
    try:
        ended = subprocess.run(  # noqa: S603 - the command that the operator named
            [command, "label", str(path), str(out), *options],
            env={**os.environ, "REMARQUE_REGISTRY": registry, "REMARQUE_KEY": key},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if ended.returncode != 0:
            said = (ended.stdout + ended.stderr).strip().splitlines() or [f"exit code {ended.returncode}"]
            raise CannotLabel(next((line for line in said if line.startswith("failed")), said[-1]))
        shutil.copymode(path, out)
        os.replace(out, path)
    finally:
        out.unlink(missing_ok=True)


def _access():
    """The address and the key. Raises CannotLabel, which says what to set."""
    try:
        written = json.loads(CONFIG.read_text(encoding="utf-8"))
    except FileNotFoundError:
        written = {}
    except ValueError:
        raise CannotLabel(f"{CONFIG} is not JSON.") from None
    if not isinstance(written, dict):
        raise CannotLabel(f'{CONFIG} holds {{"registry": …, "key": …}}.')
    registry = _setting("remarque_registry") or os.environ.get("REMARQUE_REGISTRY") or written.get("registry")
    key = os.environ.get("REMARQUE_KEY") or written.get("key")
    if not registry:
        raise CannotLabel("Set the address of the registry in Settings > Remarque.")
    if not key:
        raise CannotLabel(f'Set REMARQUE_KEY, or "key" in {CONFIG}, to a key with the scope label.')
    return registry, key


def _set_aside(path):
    """Rename a file that has no label; a sentence that says where it is."""
    number = 0
    while True:
        more = f"-{number}" if number else ""
        aside = path.with_name(f"{path.stem}.unlabelled{more}{path.suffix}")
        if not aside.exists():
            break
        number += 1
    try:
        path.rename(aside)
    except FileNotFoundError:
        return "There is no such file."
    except OSError as error:
        return f"IT STILL LIES AT {path} WITHOUT A LABEL: {error.strerror or error}."
    return f"It lies at {aside} without a label."


def _reason(error):
    sentence = f"{(str(error) or type(error).__name__).rstrip('.')}."
    return sentence if Client is None else " ".join(filter(None, (sentence, advice(error))))


def _tell(message):
    print(f"Remarque: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the host's console
    if warn := getattr(gradio, "Warning", None):
        warn(message)


script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_image_saved(on_image_saved)
