"""HEIC and JPEG XL, through pillow-heif and pillow-jxl-plugin of the extra ``filter``.

Both are imported when the first such file comes. Their classes are called directly, so Pillow itself stays as it was:
what another part of the program opens with it does not change.
"""

from io import BytesIO

import numpy as np
from PIL import Image

from remarque.errors import MissingExtra, Undecodable


def open_heic(data: bytes) -> Image.Image:
    """Return the primary picture, not decoded yet. Once loaded it is upright: libheif applies irot, imir and clap."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise MissingExtra("filter", "Reading HEIC") from error
    image: Image.Image = HeifImageFile(BytesIO(data))  # type: ignore[no-untyped-call]  # its own code has no types
    return image


def decode_jxl(data: bytes) -> Image.Image | bytes:
    """Return the picture decoded and upright, as L, LA, RGB, RGBA or I;16; or the JPEG that the file was made of.

    libjxl applies the orientation of the codestream; EXIF has no say in it.
    """
    try:
        from pillow_jxl import Decoder
    except ImportError as error:
        raise MissingExtra("filter", "Reading JPEG XL") from error
    try:
        # No threads of its own: a service keeps its processors busy with several pictures at once.
        is_jpeg, info, decoded, _profile, _boxes = Decoder(num_threads=0)(data)
    except BaseException as error:
        # A panic of Rust code derives from BaseException; nothing else that does may be held up here.
        if type(error).__name__ != "PanicException":
            raise
        raise Undecodable("The picture (image/jxl) is broken.") from error
    if is_jpeg:
        return bytes(decoded)
    size, channels = (info.width, info.height), info.num_channels + info.has_alpha_channel
    mode = ("L", "LA", "RGB", "RGBA")[channels - 1]
    depth = len(decoded) // (size[0] * size[1] * channels)
    # Colours come in 8 bits whatever the file has; grey comes as it is.
    if depth == 2 and mode == "L":
        return Image.frombytes("I;16", size, decoded)
    if depth == 2:
        decoded = (np.frombuffer(decoded, np.uint16) >> 8).astype(np.uint8).tobytes()
    elif depth == 4:  # floats, with white at 1
        levels = np.nan_to_num(np.frombuffer(decoded, np.float32).clip(0, 1)) * 255
        decoded = levels.astype(np.uint8).tobytes()
    return Image.frombytes(mode, size, decoded)
