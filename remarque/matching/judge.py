"""From matches to an answer about one purpose, with the reasons for it."""

from collections.abc import Collection, Sequence

from remarque.answers import Match, Reason
from remarque.matching.matcher import PHASH
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
    # A 64-bit hash may name the wrong picture: it can restrict, it cannot permit.
    nobody: Collection[Claim] = ()
    return counted(_said(match, purpose), match.claim, nobody if match.alg == PHASH.name else honoured)


def _reason(match: Match, purpose: Category, counts: Preference) -> Reason:
    said = _said(match, purpose)
    where = f"Declaration {match.declaration} (found by {match.alg} at distance {match.distance})"
    if said is Preference.UNKNOWN:
        return Reason(code="not_stated", source=REGISTRY, detail=f"{where} says nothing about {purpose}.")
    if said is not counts:
        return Reason(
            code="permission_not_verified",
            source=REGISTRY,
            preference=said,
            detail=f"{where} says {said} for {purpose}; as nothing but its own word stands behind that, "
            "or the match is too weak, it does not count as a permission.",
        )
    return Reason(code="declared", source=REGISTRY, preference=said, detail=f"{where} says {said} for {purpose}.")
