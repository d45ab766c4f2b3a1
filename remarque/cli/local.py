"""Fingerprints that are made on this machine, so that a picture need not leave it. Needs the extra ``filter``."""

from remarque.answers import Fingerprint


def fingerprints_to_declare(data: bytes) -> list[Fingerprint]:
    """All fingerprints of a picture, the upright pdq first.

    Raises PictureError where it cannot be read, TooPlain where it could not be recognised again, MissingExtra.
    """
    from remarque.fingerprints import fingerprint, require_detail  # loads the optional part only where it is used

    made = fingerprint(data)
    require_detail(made)
    return made.to_items()


def hash_to_check(data: bytes) -> str:
    """The upright pdq of a picture, hexadecimal. Raises as fingerprints_to_declare does."""
    from remarque.fingerprints import examine, require_detail

    asked = examine(data, deep=False)
    require_detail(asked)
    return asked.to_items()[0].value
