"""What a label is asked to say: a fixed vocabulary and short plain text, checked when the request is made."""

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from remarque.errors import InvalidLabelRequest
from remarque.labels.vocabulary import CAWG_ENTRIES, LABEL_TYPES, TRAINED
from remarque.preferences import DEFAULT_PREFERENCES, Category, Preference

#: Names of systems and providers; longer text belongs in no certificate-like statement.
MAX_TEXT = 200
#: Long prompts were seen up to a few thousand characters; a JPEG's metadata segment ends at 64 KB.
MAX_PROMPT = 10_000
#: Zero-width and direction controls let a name look like another one.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PROMPT_CONTROLS = "\t\n\r"
#: ZWNJ and ZWJ are letters' business in Persian, Indic scripts and emoji, but only inside prompts.
_PROMPT_FORMATS = "\u200c\u200d"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """A label to be written.

    ``id`` is a UUID in lower case, ``created_at`` an aware datetime; ``system``, ``system_version``, ``provider``,
    ``constraint`` and ``cn_producer`` hold 1 to 200 characters without controls. ``preferences`` may name the four
    CAWG categories; ``unknown`` leaves one out. ``prompt`` (1 to 10,000 characters) is written only because it is
    given. ``profiles`` may hold ``cn`` (GB 45438-2025 implicit label), which needs ``cn_producer``: the code that TC260
    gave to the provider. It is never derived from anything, for a made-up code would be a false statement.
    Raises InvalidLabelRequest for anything else.
    """

    id: str
    system: str
    created_at: datetime
    system_version: str | None = None
    provider: str | None = None
    digital_source_type: str = TRAINED
    preferences: Mapping[Category, Preference] = field(default_factory=lambda: dict(DEFAULT_PREFERENCES))
    constraint: str | None = None
    prompt: str | None = None
    profiles: tuple[str, ...] = ()
    cn_producer: str | None = None

    def __post_init__(self) -> None:
        if not _UUID.fullmatch(self.id):
            raise InvalidLabelRequest("the id of a label is a UUID in lower case")
        if self.created_at.utcoffset() is None:
            raise InvalidLabelRequest("created_at needs a time zone")
        if self.digital_source_type not in LABEL_TYPES:
            raise InvalidLabelRequest(f"digital_source_type is one of {', '.join(sorted(LABEL_TYPES))}")
        _require_text("system", self.system)
        for name in ("system_version", "provider", "constraint", "cn_producer"):
            if (text := getattr(self, name)) is not None:
                _require_text(name, text)
        if self.prompt is not None:
            _require_prompt(self.prompt)
        _require_cawg(self.preferences)
        if self.constraint is not None and Preference.CONSTRAINED not in self.preferences.values():
            raise InvalidLabelRequest("a constraint needs a category that is constrained")
        if set(self.profiles) - {"cn"}:
            raise InvalidLabelRequest("the only profile is cn")
        if self.profiles and self.cn_producer is None:
            raise InvalidLabelRequest("the profile cn names the producer by its code: none is configured here")
        # A plain copy: a read-only view of a mapping cannot be sent to another process.
        object.__setattr__(self, "preferences", dict(self.preferences))

    @property
    def urn(self) -> str:
        """The id as a URN (RFC 9562)."""
        return uuid.UUID(self.id).urn

    @property
    def system_with_version(self) -> str:
        """The system, and its version where one is given."""
        return " ".join(filter(None, (self.system, self.system_version)))

    @property
    def when(self) -> str:
        """``created_at`` as RFC 3339 in UTC, to the second."""
        return self.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _require_text(name: str, text: str) -> None:
    if not 1 <= len(text) <= MAX_TEXT or text != text.strip():
        raise InvalidLabelRequest(f"{name} has 1 to {MAX_TEXT} characters and no spaces around them")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text):
        raise InvalidLabelRequest(f"{name} holds a control character, or one that has no meaning of its own")


def _require_prompt(text: str) -> None:
    if not 1 <= len(text) <= MAX_PROMPT:
        raise InvalidLabelRequest(f"prompt has 1 to {MAX_PROMPT} characters")
    for character in text:
        allowed = character in _PROMPT_CONTROLS or character in _PROMPT_FORMATS
        if not allowed and unicodedata.category(character) in _REFUSED_CATEGORIES:
            raise InvalidLabelRequest("prompt holds a control character, or one that has no meaning of its own")


def _require_cawg(preferences: Mapping[Category, Preference]) -> None:
    for category, preference in preferences.items():
        if category not in CAWG_ENTRIES or not isinstance(preference, Preference):
            raise InvalidLabelRequest(f"a label can speak about {', '.join(CAWG_ENTRIES)}, not about {category}")
