"""Removing what generation tools leave in a file and what gives away prompts and workflows.

Gone afterwards: PNG text, JPEG comments, EXIF fields and XMP properties that ``traces`` knows. Everything else stays:
coded pixels, ICC profile, orientation, what a camera wrote, other text, the implicit label of GB 45438.

Not found: what is hidden in the pixels themselves (the "stealth" text of some tools lies in their lowest bits), in
extended XMP, and in text that looks like none of the tools known here.
"""

from remarque.labels import exif, traces, xmp
from remarque.labels.carriers import EXIF_WRITABLE, WRITABLE, jpeg, png


def strip(data: bytes, mime: str) -> bytes:
    """Return the file without tool data; the very same bytes where there is none.

    ``mime`` as ``formats.sniff_label`` tells it; a format that is not in ``carriers.WRITABLE`` comes back as it is.
    Removing breaks a signature, so this comes before signing. Raises Undecodable if the container or the metadata in it
    is broken: nothing unread may pass for clean.
    """
    if mime not in WRITABLE:
        return data
    if mime == "image/png":
        data = png.without_text(data, traces.leaking(png.texts(data)))
    if mime == "image/jpeg":
        data = jpeg.without_comments(data, traces.is_recipe)
    return _without_properties(_without_fields(data, mime), mime)


def _without_fields(data: bytes, mime: str) -> bytes:
    carrier = EXIF_WRITABLE.get(mime)
    block = carrier.read_exif(data) if carrier else None
    if carrier is None or not block:
        return data
    clean = exif.without(block, _leaks_from_field)
    return data if clean == block else carrier.replace_exif(data, clean)


def _leaks_from_field(name: str, text: str) -> bool:
    return traces.is_recipe(text) or bool(traces.of_fields({name: text}))


def _without_properties(data: bytes, mime: str) -> bytes:
    carrier = WRITABLE[mime]
    packet = carrier.read_xmp(data)
    if not packet:
        return data
    clean = xmp.without(packet, _leaks_from_property)
    return data if clean == packet else carrier.write_xmp(data, clean)


def _leaks_from_property(name: xmp.Name, text: str) -> bool:
    return name in (xmp.AI_PROMPT_INFORMATION, xmp.AI_PROMPT_WRITER_NAME) or traces.is_recipe(text)
