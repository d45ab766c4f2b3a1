"""C2PA status codes in words (C2PA 2.4, "Validation results"; CAWG 1.1). A code that is not here is shown as it is."""

#: Said of every signer that no anchor vouches for; the state of a reading already tells.
UNTRUSTED = "signingCredential.untrusted"
TRUSTED = "signingCredential.trusted"
#: Not C2PA's: the store is there and cannot be parsed.
UNREADABLE = "unreadable"

_CHANGED = "the picture was changed after it was signed"
_STATEMENT_CHANGED = "a statement in the manifest was changed after it was signed"

_MEANINGS = {
    # What the signature covers.
    "assertion.dataHash.mismatch": _CHANGED,
    "assertion.bmffHash.mismatch": _CHANGED,
    "assertion.boxesHash.mismatch": _CHANGED,
    "assertion.boxesHash.unknownBox": "the file holds a part that the signature does not know",
    "assertion.dataHash.malformed": "the digest of the picture is not well formed",
    "assertion.bmffHash.malformed": "the digest of the picture is not well formed",
    "assertion.boxesHash.malformed": "the digest of the picture is not well formed",
    "assertion.dataHash.redacted": "the digest of the picture was removed",
    "assertion.multipleHardBindings": "the manifest binds itself to more than one content",
    "claim.hardBindings.missing": "nothing binds the manifest to a picture",
    "assertion.hashedURI.mismatch": _STATEMENT_CHANGED,
    "hashedURI.mismatch": _STATEMENT_CHANGED,
    "hashedURI.missing": "a statement of the manifest is missing",
    "assertion.missing": "a statement of the manifest is missing",
    "assertion.inaccessible": "a statement of the manifest could not be reached",
    "assertion.undeclared": "the manifest holds a statement that its signer did not sign",
    "assertion.outsideManifest": "a statement stands outside its manifest",
    "assertion.notRedacted": "a statement that should have been removed is still there",
    "assertion.selfRedacted": "the manifest removes a statement of its own",
    "assertion.required.missing": "a statement that must be there is missing",
    "assertion.json.invalid": "a statement is not well formed",
    "assertion.cbor.invalid": "a statement is not well formed",
    "assertion.ingredient.malformed": "what is said of a picture that it was made from is not well formed",
    "assertion.metadata.disallowed": "the manifest's metadata holds a field that is not allowed there",
    "assertion.action.malformed": "the list of actions is not well formed",
    "assertion.action.ingredientMismatch": "an action names a picture that is not listed",
    "assertion.action.redacted": "an action was removed that may not be",
    "claim.malformed": "the claim is not well formed",
    "claim.cbor.invalid": "the claim is not well formed",
    "claim.missing": "the claim is missing",
    "claim.multiple": "the manifest holds more than one claim",
    "manifest.multipleParents": "the manifest names more than one picture as its parent",
    "manifest.update.invalid": "the manifest that updates another holds what it may not",
    "manifest.update.wrongParents": "the manifest that updates another names the wrong parents",
    "manifest.inaccessible": "a manifest could not be reached",
    # Signature and signer.
    "claimSignature.mismatch": "the signature does not fit the claim",
    "claimSignature.missing": "the signature is missing",
    "claimSignature.outsideValidity": "the certificate was not valid when the claim was signed",
    UNTRUSTED: "the signer is on no trust list that is used here",
    "signingCredential.invalid": "the signer's certificate may not sign claims",
    "signingCredential.expired": "the signer's certificate has expired, and no trusted time-stamp shows when it signed",
    "signingCredential.revoked": "the signer's certificate was revoked",
    "signingCredential.ocsp.skipped": "whether the signer's certificate was revoked was not asked: nothing is fetched",
    "signingCredential.ocsp.inaccessible": "whether the signer's certificate was revoked could not be found out",
    "signingCredential.ocsp.unknown": "the signer's authority does not know whether the certificate was revoked",
    "signingCredential.ocsp.revoked": "the signer's certificate was revoked",
    "algorithm.unsupported": "an algorithm is used that C2PA does not allow",
    "algorithm.deprecated": "an algorithm is used that C2PA no longer recommends",
    # Time-stamp.
    "timeStamp.mismatch": "the time-stamp does not fit the signature",
    "timeStamp.malformed": "the time-stamp is not well formed",
    "timeStamp.untrusted": "nobody trusted here vouches for who issued the time-stamp",
    "timeStamp.outsideValidity": "the time-stamp was issued when its issuer's certificate was not valid",
    "timeStamp.credentialInvalid": "the certificate of the time-stamp's issuer may not issue any",
    "timeOfSigning.outsideValidity": "the certificate was not valid at the time of signing that is stated",
    # What the picture was made from.
    "ingredient.manifest.missing": "the manifest of a picture that it was made from is missing",
    "ingredient.manifest.mismatch": "the manifest of a picture that it was made from was changed",
    "ingredient.claimSignature.missing": "the signature of a picture that it was made from is missing",
    "ingredient.claimSignature.mismatch": "a picture that it was made from carries a signature that does not fit",
    "ingredient.unknownProvenance": "a picture that it was made from came without a manifest",
    # The person beside the signer.
    "cawg.x509.credential.untrusted": "a person named beside the signer is vouched for by nobody trusted here",
    "cawg.ica.untrusted_issuer": "a person named beside the signer is vouched for by nobody trusted here",
    "cawg.ica.did_unavailable": "who vouches for a person named beside the signer was not asked: nothing is fetched",
    "cawg.ica.signer_payload.mismatch": "what names a person beside the signer belongs to another manifest",
    "cawg.x509.signature.mismatch": "what names a person beside the signer was changed after it was signed",
    "general.error": "the manifest could not be checked to the end",
    UNREADABLE: "the manifest cannot be read",
}


def meaning(code: str) -> str:
    """Return what a failed or informational check means for a reader."""
    return _MEANINGS.get(code, "this check failed or could not be made")


def is_about_trust(code: str) -> bool:
    """Whether a failure says only that nobody here vouches for somebody: what is signed stands as it was signed."""
    return code == UNTRUSTED or (code.startswith("cawg.") and code.endswith("untrusted"))
