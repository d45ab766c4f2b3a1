"""What the clients take and give, beside the value types of ``remarque.answers``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, Required, TypedDict

import numpy as np
import numpy.typing as npt

from remarque.preferences import Category, Preference

#: A picture: its bytes, the file that holds them, or a name and the bytes.
Image = bytes | Path | tuple[str, bytes]

#: PDQ hashes: 64 hexadecimal digits each, or 32 bytes each, one after the other or as rows of a uint8 array (n, 32).
Hashes = Sequence[str] | bytes | npt.NDArray[np.uint8]

#: Whose permissions count: those of verified claims, or everybody's.
Claims = Literal["verified", "self"]


class Statement(TypedDict, total=False):
    """What a declaration may say; what is left out is left to the registry's defaults."""

    preferences: Mapping[Category, Preference] | Mapping[str, str] | None
    title: str | None
    creator: str | None
    url: str | None
    policy_url: str | None
    contact: str | None
    constraint: str | None
    valid_until: datetime | None


class LabelWish(TypedDict, total=False):
    """What a label is to say, and how it is written; what is left out is left to the registry's defaults.

    ``prompt`` is written into the picture only because it is given. ``keep_metadata=False`` takes out what generation
    tools wrote (parameters, prompts, workflows). ``profiles`` may hold ``cn``. ``on_invalid`` is ``refuse`` or
    ``replace``: what to do with a manifest that is there and does not verify.
    """

    system: Required[str]
    system_version: str | None
    provider: str | None
    digital_source_type: str | None
    created_at: datetime | None
    preferences: Mapping[Category, Preference] | Mapping[str, str] | None
    constraint: str | None
    prompt: str | None
    profiles: Sequence[str] | None
    keep_metadata: bool | None
    on_invalid: str | None


class Bitmap(NamedTuple):
    """One bit a hash, True = not free to use or could not be judged; shape (n,), dtype bool.

    ``receipt``: the signed note, where one was asked for.
    """

    bits: npt.NDArray[np.bool_]
    tree_size: int
    root: str
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A labelled picture: the same format, the same pixels. ``describedby`` is the address of the public record.

    ``warnings`` are short codes of what is not as it could be, for instance ``no_time_stamp``.
    """

    data: bytes = field(repr=False)
    label_id: str
    layers: list[str]
    describedby: str | None = None
    warnings: list[str] = field(default_factory=list)
