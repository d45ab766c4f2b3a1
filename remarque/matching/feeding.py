"""Entries of the log into a matcher: the one place that knows what each type means for what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remarque.answers import Fingerprint, Outcome
from remarque.errors import InvalidFingerprint, InvalidPreference, LogError
from remarque.fingerprints.packing import unpack_regions
from remarque.matching.matcher import Matcher
from remarque.preferences import Claim, parse_preferences

Opening = Mapping[str, Any]


def feed(matcher: Matcher, index: int, entry_type: str, ref: int | None, opening: Opening | None) -> None:
    """Feed one entry: its type, the entry it is about, and what it commits to unless that was erased.

    Types that are not about declarations change nothing. Raises LogError on an opening that no entry has.
    """
    try:
        _feed(matcher, index, entry_type, ref, opening)
    except (InvalidFingerprint, InvalidPreference, KeyError, TypeError, ValueError) as error:
        raise LogError(f"the opening of entry {index} cannot be read: {error!r}") from error


def _feed(matcher: Matcher, index: int, entry_type: str, ref: int | None, opening: Opening | None) -> None:
    match entry_type:
        case "declare" if opening is None:
            matcher.declare_erased(index)
        case "declare" if opening is not None:
            matcher.declare(
                index,
                id=opening["id"],
                claim=Claim(opening["claim"]),
                preferences=parse_preferences(opening["preferences"]),
                fingerprints=[Fingerprint(**item) for item in opening["fingerprints"]],
                regions=unpack_regions(opening["regions"]) if "regions" in opening else None,
                valid_until=opening.get("valid_until"),
            )
        case "change":
            # Erased with its declaration, or alone: what was said before must not be heard again.
            said = {} if opening is None else parse_preferences(opening["preferences"])
            matcher.change(index, ref=_about(index, ref), preferences=said)
        case "withdraw":
            matcher.withdraw(index, ref=_about(index, ref))
        case "dispute":
            matcher.dispute(index, ref=_about(index, ref), disputed=True)
        case "decide" if opening is not None:
            _decide(matcher, index, _about(index, ref), opening)
        # Without its opening: erased with the declaration. Until that entry comes, nothing is permitted.
        case "erase":
            matcher.erase(index, ref=_about(index, ref))


def _decide(matcher: Matcher, index: int, ref: int, opening: Opening) -> None:
    left = opening["still_open"]
    if type(left) is not int or left < 0:
        raise ValueError(f"{left!r} is no number of disputes")
    match Outcome(opening["outcome"]):
        case Outcome.UPHELD:
            matcher.withdraw(index, ref=ref)
        case Outcome.REJECTED:
            matcher.dispute(index, ref=ref, disputed=left > 0)


def _about(index: int, ref: int | None) -> int:
    if ref is None or not 0 <= ref < index:
        raise LogError(f"entry {index} is not about an earlier one")
    return ref
