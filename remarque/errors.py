"""Every error that Remarque raises on purpose: one tree, no transport in it.

RemarqueError
├── InvalidInput                 what was sent cannot be used as it is
│   ├── InvalidRequest             the form of the request is wrong
│   ├── UnsupportedEncoding        a content type that is not read there
│   ├── InvalidPreference          an unknown category or value
│   ├── InvalidFingerprint         wrong algorithm, length or digits
│   ├── InvalidLabelRequest        a claim that a label may not carry
│   ├── BodyTooLarge               more bytes than the limit
│   ├── TooManyItems               more items than the limit
│   ├── QueryTooLong               it belongs in a body
│   └── PictureError               this one picture cannot be used
│       ├── NotAPicture              the bytes are no image format that is read here
│       ├── Undecodable              an image that is broken
│       ├── TooManyPixels            refused before any pixel was decoded
│       ├── ReadingStopped           took too long, too much memory, or crashed the reader
│       └── TooPlain                 too little detail to be recognised again
├── Refused                      understood, and not done
│   ├── KeyRequired                no key was sent
│   ├── KeyUnknown                 a key was sent that is not known
│   ├── ScopeMissing               the key may not do this
│   ├── NotYours                   it belongs to another party
│   ├── NotFound                   there is no such thing here
│   ├── AlreadyDeclared            the same picture, with other preferences
│   ├── DeclarationEnded           withdrawn or quarantined: it cannot be changed any more
│   ├── DisputeDecided             decided before
│   ├── InvalidManifestPresent     the picture carries a manifest that does not verify
│   ├── NotKept                    that state of the registry is not kept
│   └── TooManyRequests            slow down
├── Unavailable                  may work later
│   ├── NotReady                   the service is starting
│   ├── NotOfferedYet              a route of the contract that this version does not serve
│   ├── Busy                       every reader is occupied
│   └── SigningUnavailable         the signer failed or has no usable certificate
├── LogError                     the log does not hold together
│   └── ReceiptInvalid             a receipt does not verify
├── SegmentDamaged               files of an index are missing, cut off, altered or unfit
├── MissingExtra                 an optional part of the distribution is not installed
└── ServiceError                 seen by a client of the service
    ├── ServiceUnreachable         no answer
    ├── ServiceRefused             an answer that says no: a problem (RFC 9457)
    └── AnswerNotUnderstood        an answer that does not fit the contract
"""

from typing import Any


class RemarqueError(Exception):
    """The root of the tree. ``str(error)`` is a sentence that tells the caller what to change."""


class InvalidInput(RemarqueError):
    """What was sent cannot be used as it is."""


class InvalidRequest(InvalidInput):
    """The form of the request is wrong."""


class UnsupportedEncoding(InvalidInput):
    """The content type of the request is none that is read there."""


class InvalidPreference(InvalidInput):
    """A category or a value that does not exist."""


class InvalidFingerprint(InvalidInput):
    """A fingerprint of an unknown algorithm, of the wrong length, or with digits that are not hexadecimal."""


class InvalidLabelRequest(InvalidInput):
    """A label was asked to carry a claim that is not in the fixed vocabulary."""


class BodyTooLarge(InvalidInput):
    """The request holds more bytes than the limit."""


class TooManyItems(InvalidInput):
    """The request holds more items than the limit."""


class QueryTooLong(InvalidInput):
    """A value in the address is longer than the limit; there is a way to send it in a body."""


class PictureError(InvalidInput):
    """This one picture cannot be used; others of the same request may be fine."""


class NotAPicture(PictureError):
    """The bytes are no image format that is read here."""


class Undecodable(PictureError):
    """The bytes begin like an image and cannot be decoded."""


class TooManyPixels(PictureError):
    """The header announces more pixels than the limit; none was decoded."""


class ReadingStopped(PictureError):
    """Reading took too long or too much memory, or crashed the process that read it."""


class TooPlain(PictureError):
    """The picture holds too little detail to be told from others."""


class Refused(RemarqueError):
    """The request was understood and is not carried out."""


class KeyRequired(Refused):
    """No key was sent with a request that needs one."""


class KeyUnknown(Refused):
    """The key that was sent is not known here."""


class ScopeMissing(Refused):
    """The key is known and lacks the scope."""


class NotYours(Refused):
    """The thing belongs to another party."""


class NotFound(Refused):
    """There is no such thing here."""


class AlreadyDeclared(Refused):
    """The same party declared the same picture with other preferences."""


class DeclarationEnded(Refused):
    """The declaration has ended: it cannot be changed or disputed any more."""


class DisputeDecided(Refused):
    """The dispute was decided before."""


class InvalidManifestPresent(Refused):
    """The picture carries a C2PA manifest that does not verify."""


class NotKept(Refused):
    """That state of the registry is not kept."""


class TooManyRequests(Refused):
    """More requests than the limit. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(RemarqueError):
    """It cannot be done now and may work later. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReady(Unavailable):
    """The service is starting."""


class NotOfferedYet(Unavailable):
    """The contract names this, and this version does not serve it."""


class Busy(Unavailable):
    """Every reader is occupied."""


class SigningUnavailable(Unavailable):
    """The signer failed, or has no usable certificate."""


class LogError(RemarqueError):
    """An entry, a commitment or a root of the log does not hold together."""


class ReceiptInvalid(LogError):
    """A receipt does not verify."""


class SegmentDamaged(RemarqueError):
    """Files of an index are missing, cut off, altered, of another version, or not what they would have to be."""


class MissingExtra(RemarqueError):
    """An optional part of the distribution is needed and not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'remarque[{extra}]'")
        self.extra = extra


class ServiceError(RemarqueError):
    """A request to a Remarque service did not succeed."""


class ServiceUnreachable(ServiceError):
    """The service did not answer."""


class ServiceRefused(ServiceError):
    """The service answered with a problem (RFC 9457).

    ``slug`` is the last part of the problem's type, for instance ``too-plain``; ``status`` the HTTP status;
    ``problem`` the whole object.
    """

    def __init__(self, message: str, *, slug: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(message)
        self.slug = slug
        self.status = status
        self.problem = problem


class AnswerNotUnderstood(ServiceError):
    """The service answered something that does not fit the contract."""
