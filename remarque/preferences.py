"""What may be done with a picture: categories, values, and how several statements are combined.

There is no boolean anywhere in here. An answer is one of four values, ``unknown`` is what is left when nobody
said anything or a source could not be read, and no failure turns into ``allowed``.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from remarque.errors import InvalidPreference


class Category(StrEnum):
    """A use of a picture: the four of CAWG training-and-data-mining 1.1, and AIPREF's ``search``."""

    AI_GENERATIVE_TRAINING = "ai_generative_training"
    AI_TRAINING = "ai_training"
    AI_INFERENCE = "ai_inference"
    DATA_MINING = "data_mining"
    SEARCH = "search"


class Preference(StrEnum):
    """What is said about one category. ``constrained`` is not free to use unless a grant covers the caller."""

    ALLOWED = "allowed"
    DISALLOWED = "disallowed"
    CONSTRAINED = "constrained"
    UNKNOWN = "unknown"

    def __bool__(self) -> bool:
        raise TypeError("a preference is not a truth value: compare it with allowed, disallowed, constrained, unknown")


class Claim(StrEnum):
    """Who vouches for a declaration: its key holder alone, control of the work's domain, or the operator."""

    SELF = "self"
    LOCATION = "location"
    OPERATOR = "operator"


Preferences = Mapping[Category, Preference]

#: What a declaration says where its party names nothing else: the four CAWG categories are reserved.
DEFAULT_PREFERENCES: Preferences = MappingProxyType(
    {
        Category.AI_GENERATIVE_TRAINING: Preference.DISALLOWED,
        Category.AI_TRAINING: Preference.DISALLOWED,
        Category.AI_INFERENCE: Preference.DISALLOWED,
        Category.DATA_MINING: Preference.DISALLOWED,
    }
)

#: What a check asks about where the caller names nothing else.
DEFAULT_PURPOSE = Category.AI_GENERATIVE_TRAINING

#: The claims whose permissions count by default; restrictions count from every claim.
VERIFIED_CLAIMS = frozenset({Claim.LOCATION, Claim.OPERATOR})


def parse_category(text: str) -> Category:
    """Return the category of that name. Raises InvalidPreference, naming those that exist."""
    try:
        return Category(text)
    except ValueError:
        raise InvalidPreference(f"{text!r} is no category; use one of {', '.join(Category)}") from None


def parse_preference(text: str) -> Preference:
    """Return the value of that name. Raises InvalidPreference, naming those that exist."""
    try:
        return Preference(text)
    except ValueError:
        raise InvalidPreference(f"{text!r} is no preference; use one of {', '.join(Preference)}") from None


def parse_preferences(given: Mapping[str, str]) -> dict[Category, Preference]:
    """Read ``{category: value}``. Raises InvalidPreference on an unknown category or value."""
    return {parse_category(category): parse_preference(value) for category, value in given.items()}


def write_preferences(preferences: Preferences) -> dict[str, str]:
    """Inverse of ``parse_preferences``."""
    return {category.value: preference.value for category, preference in preferences.items()}


def counted(preference: Preference, claim: Claim, honoured: Iterable[Claim] = VERIFIED_CLAIMS) -> Preference:
    """What a statement weighs: a restriction counts whoever says it, a permission only from an honoured claim."""
    if preference is Preference.ALLOWED and claim not in frozenset(honoured):
        return Preference.UNKNOWN
    return preference


def combine(statements: Iterable[Preference], *, failed: bool = False) -> Preference:
    """Combine what several sources say about one category, most restrictive first.

    Any ``disallowed`` wins, then ``constrained``, then ``unknown`` if a source that was asked ``failed``, then
    ``allowed``. No statement is ``unknown``. (IETF AIPREF vocabulary, combination of preferences; ``constrained``
    as in CAWG training-and-data-mining 1.1.)
    """
    said = frozenset(statements)
    for restriction in (Preference.DISALLOWED, Preference.CONSTRAINED):
        if restriction in said:
            return restriction
    if failed or Preference.ALLOWED not in said:
        return Preference.UNKNOWN
    return Preference.ALLOWED
