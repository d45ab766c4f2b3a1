"""Which format a file is in that may carry a label, told from its bytes alone."""

import re

from remarque.errors import NotAPicture
from remarque.fingerprints.decode import sniff

#: What may stand before the root of an SVG: XML declaration, processing instructions, comments, a document type. The
#: groups are atomic, so that text made to look almost like this is not tried in every possible way.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+"
    rb"(?>(?>(?s:<\?.*?\?>)|(?s:<!--.*?-->)|<!DOCTYPE[^>\[]*+(?:\[[^\]]*+\]\s*+)?>)\s*+)*+"
    rb"<(?:[A-Za-z_][\w.-]*+:)?svg[\s/>]"
)
#: Drawing programs put a licence or a greeting before the root; more than this was never seen.
_SVG_HEAD = 1 << 16


def sniff_label(data: bytes) -> str:
    """Return the MIME type, by the name that C2PA has for it where it has one.

    Everything of which fingerprints are taken, and SVG. What is labelled is another question: see
    ``carriers.WRITABLE``. Raises NotAPicture for other bytes.
    """
    if _SVG.match(data[:_SVG_HEAD]):
        return "image/svg+xml"
    try:
        return sniff(data)
    except NotAPicture:
        # HEIF with pictures coded in a way that is not decoded here can be labelled and read all the same.
        if data[4:8] == b"ftyp" and data[8:12] in (b"mif1", b"mif2", b"msf1"):
            return "image/heic"
        raise
