"""From matches to an answer about one purpose, with the reasons for it."""

from collections.abc import Collection, Sequence

from remarque.answers import Match, Reason
from remarque.matching.matcher import PDQ, PHASH
from remarque.preferences import VERIFIED_CLAIMS, Category, Claim, Preference, combine, counted

REGISTRY = "registry"


def judge(
    matches: Sequence[Match], purpose: Category, honoured: Collection[Claim] = VERIFIED_CLAIMS
) -> tuple[Preference, list[Reason]]:
    """Combine what the matched declarations say about ``purpose``.

    Returns the preference and its reasons: one for each declaration, or ``no_statement``. A permission counts only
    from a claim in ``honoured``.
    """
    if not matches:
        return Preference.UNKNOWN, [
            Reason(code="no_statement", source=REGISTRY, detail="Nothing is declared about this picture.")
        ]
    counts = [_counts(match, purpose, honoured) for match in matches]
    reasons = [_reason(match, purpose, counts[i]) for i, match in enumerate(matches)]
    if all(match.alg == PHASH.name for match in matches):
        reasons.append(
            Reason(
                code="phash_only",
                source=REGISTRY,
                detail="Found by the 64-bit pHash alone, which now and then takes different pictures for the same.",
            )
        )
    return combine(counts), reasons


def _said(match: Match, purpose: Category) -> Preference:
    return match.preferences.get(purpose, Preference.UNKNOWN)


def _counts(match: Match, purpose: Category, honoured: Collection[Claim]) -> Preference:
    nobody: Collection[Claim] = ()
    return counted(_said(match, purpose), match.claim, honoured if _is_whole(match) else nobody)


def _is_whole(match: Match) -> bool:
    """Whether the whole picture is the declared work, as near as PDQ is sure of.

    Nothing else can permit, though all can restrict: a work that is only a part of the picture says nothing about the
    rest, and a 64-bit hash may name the wrong one.
    """
    inside = match.transform is not None and match.transform.box is not None
    return match.alg == PDQ.name and match.distance <= PDQ.radius and not inside


def _reason(match: Match, purpose: Category, counts: Preference) -> Reason:
    said = _said(match, purpose)
    where = f"Declaration {match.declaration} (found by {match.alg} at distance {match.distance})"
    if said is Preference.UNKNOWN and match.disputed:
        return Reason(
            code="disputed",
            source=REGISTRY,
            detail=f"{where} is disputed and says nothing about {purpose} that counts: until that is decided, "
            "it restricts and permits nothing.",
        )
    if said is Preference.UNKNOWN:
        return Reason(code="not_stated", source=REGISTRY, detail=f"{where} says nothing about {purpose}.")
    if said is not counts:
        return Reason(
            code="permission_not_verified",
            source=REGISTRY,
            preference=said,
            detail=f"{where} says {said} for {purpose}; as nothing but its own word stands behind that, "
            "or the work is not for certain the whole picture, it does not count as a permission.",
        )
    return Reason(code="declared", source=REGISTRY, preference=said, detail=f"{where} says {said} for {purpose}.")
