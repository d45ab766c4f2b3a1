"""Pictures that the label tests draw themselves, one for each way a container can look, and a development key."""

import functools
import io
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  # makes Pillow read and write JPEG XL
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from remarque.labels.contexts import c2pa, settings
from remarque.labels.request import LabelRequest
from remarque.labels.signer import SigningKey, load_signing_key, make_development_pki

pillow_heif.register_heif_opener()


class Drawn(NamedTuple):
    """One drawn file."""

    name: str
    mime: str
    data: bytes


def _noise(*shape: int, dtype: Any = np.uint8) -> np.ndarray[Any, Any]:
    """Smooth colour with a little noise: compresses like a picture, and no two pixels are equal by chance."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    base = (rows * 2 + columns * 3)[..., None] if len(shape) == 3 else rows * 2 + columns * 3
    noise = np.random.default_rng(7).integers(0, 40, shape)
    scale = 1 if dtype == np.uint8 else 257
    return ((base + noise) % 256 * scale).astype(dtype)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0131] = "Brush and paper"
    exif[0x0112] = 6
    return exif


@functools.cache
def pictures() -> tuple[Drawn, ...]:
    """Every drawn picture: all formats that can be labelled but SVG, with what makes their containers differ."""
    rgb = Image.fromarray(_noise(61, 90, 3))
    rgba = Image.fromarray(_noise(61, 90, 4))
    large = Image.fromarray(_noise(184, 270, 3))
    frames = [rgb, rgb.rotate(180), rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a fox\nSteps: 20, Sampler: Euler, CFG scale: 7")
    many: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    made: list[tuple[str, str, bytes]] = [
        ("jpeg", "jpeg", _saved(rgb, "JPEG")),
        ("jpeg-grey-progressive", "jpeg", _saved(rgb.convert("L"), "JPEG", progressive=True)),
        ("jpeg-exif-icc-comment", "jpeg", _saved(rgb, "JPEG", exif=_exif(), icc_profile=profile, comment=b"hi")),
        ("jpeg-cmyk", "jpeg", _saved(rgb.convert("CMYK"), "JPEG")),
        ("png", "png", _saved(rgb, "PNG")),
        ("png-alpha-exif-icc-text", "png", _saved(rgba, "PNG", exif=_exif(), icc_profile=profile, pnginfo=text)),
        ("png-16-bit", "png", _saved(Image.fromarray(_noise(61, 90, dtype=np.uint16)), "PNG")),
        ("png-palette", "png", _saved(rgb.quantize(17), "PNG", transparency=3)),
        ("png-animated", "png", _saved(rgb, "PNG", duration=100, **many)),
        ("webp-lossy", "webp", _saved(rgb, "WEBP")),
        ("webp-lossless", "webp", _saved(rgb, "WEBP", lossless=True)),
        ("webp-lossless-alpha", "webp", _saved(rgba, "WEBP", lossless=True, exact=True)),
        ("webp-lossy-alpha", "webp", _saved(rgba, "WEBP")),
        ("webp-exif-icc", "webp", _saved(rgb, "WEBP", exif=_exif(), icc_profile=profile)),
        ("webp-animated", "webp", _saved(rgb, "WEBP", duration=100, **many)),
        ("avif", "avif", _saved(rgb, "AVIF", speed=10)),
        ("avif-alpha-exif-icc", "avif", _saved(rgba, "AVIF", speed=10, exif=_exif(), icc_profile=profile)),
        ("avif-animated", "avif", _saved(rgb, "AVIF", speed=10, duration=100, **many)),
        ("tiff-little-endian", "tiff", _saved(rgb, "TIFF")),
        ("tiff-pages-lzw", "tiff", _saved(rgb, "TIFF", compression="tiff_lzw", **many)),
        ("tiff-big-endian", "tiff", _tiff(">")),
        ("heic", "heic", _saved(rgb, "HEIF", quality=60)),
        ("heic-alpha", "heic", _saved(rgba, "HEIF", quality=60)),
        # As telephones write it: tiles of a grid that stands in idat, turned by irot, with EXIF, profile and thumbnail.
        (
            "heic-grid-exif-icc",
            "heic",
            _saved(
                large, "HEIF", quality=30, tile_size=128, thumbnails=[64], exif=_exif().tobytes(), icc_profile=profile
            ),
        ),
        ("gif", "gif", _saved(rgb, "GIF")),
        ("gif-animated-comment", "gif", _saved(rgb, "GIF", loop=0, duration=100, comment=b"hi", **many)),
        ("jxl", "jxl", _saved(rgb, "JXL")),
        ("jxl-container-alpha-exif", "jxl", _saved(rgba, "JXL", use_container=True, exif=_exif().tobytes()[6:])),
    ]
    return tuple(Drawn(name, f"image/{kind}", data) for name, kind, data in made)


def _tiff(order: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, _noise(61, 90, 3), byteorder=order, photometric="rgb")
    return file.getvalue()


@functools.cache
def drawings() -> tuple[Drawn, ...]:
    """SVG as programs write it: plain; with a prefix, a document type, a byte order mark; with metadata of others."""
    plain = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="4" height="4"/></svg>\n'
    prefixed = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!-- a > b, <svg> -->\n'
        '<!DOCTYPE svg:svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
        '<svg:svg xmlns:svg="http://www.w3.org/2000/svg"\r\n  aria-label=\'>"/>\' width="9" height="9"/>'
    )
    described = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><title>Füchse</title>'
        '<g><metadata id="not-this-one"/></g>'
        '<metadata id="m"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata></svg>'
    )
    empty = '<svg xmlns="http://www.w3.org/2000/svg"><metadata /></svg>'
    made = {"svg": plain, "svg-prefixed": prefixed, "svg-described": described, "svg-empty-metadata": empty}
    return tuple(Drawn(name, "image/svg+xml", text.encode()) for name, text in made.items())


def drawn(name: str) -> Drawn:
    """The drawn file of that name."""
    return next(one for one in (*pictures(), *drawings()) if one.name == name)


def pixels(data: bytes) -> list[tuple[str, tuple[int, int], bytes]]:
    """Mode, size and samples of every frame, as Pillow decodes them."""
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            found.append((image.mode, image.size, image.tobytes()))
    return found


class Development(NamedTuple):
    """A development key and its root."""

    key: SigningKey
    root: bytes


@functools.cache
def development(number: int = 0) -> Development:
    """A development key; each ``number`` has its own root."""
    with tempfile.TemporaryDirectory() as folder:
        make_development_pki(Path(folder))
        key = load_signing_key(Path(folder, "chain.pem"), Path(folder, "key.pem"))
        _PEMS[key] = Path(folder, "chain.pem").read_bytes(), Path(folder, "key.pem").read_bytes()
        return Development(key, Path(folder, "root.pem").read_bytes())


#: Certificates and private key of each development key, for the C2PA library's own signer.
_PEMS: dict[SigningKey, tuple[bytes, bytes]] = {}


def request(**changes: Any) -> LabelRequest:
    """A label request with everything that is required."""
    given: dict[str, Any] = {
        "id": str(uuid.UUID(int=77)),
        "system": "Drawing machine",
        "system_version": "1.2",
        "provider": "Example Studio",
        "created_at": datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    }
    return LabelRequest(**given | changes)


def signed_saying(
    data: bytes,
    mime: str,
    key: SigningKey,
    *,
    source_type: str | None,
    created: bool = True,
    generator: str = "Somebody's camera",
    parent: bytes | None = None,
    trust_anchors: bytes = b"",
) -> bytes:
    """Sign anything at all with the C2PA library itself, as others can, honest or not; ``key`` is a development key."""
    made: dict[str, Any] = {
        "action": "c2pa.created",
        "digitalSourceType": source_type or "http://c2pa.org/digitalsourcetype/empty",
    }
    opened: list[dict[str, Any]] = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["p"]}},
        {"action": "c2pa.cropped"},
    ]
    assertion = {
        "label": "c2pa.actions.v2",
        "created": created,
        "data": {"allActionsIncluded": True, "actions": opened if parent else [made]},
    }
    definition = {
        "claim_version": 2,
        "claim_generator_info": [{"name": generator, "version": "1"}],
        "assertions": [assertion],
    }
    out = io.BytesIO()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", *_PEMS[key], None))
    context = c2pa.Context.from_dict(settings(trust_anchors), signer=signer)
    with c2pa.Builder(definition, context=context) as builder:
        if parent:
            builder.add_ingredient({"title": "p", "relationship": "parentOf", "label": "p"}, mime, io.BytesIO(parent))
        builder.sign(mime, io.BytesIO(data), out)
    return out.getvalue()
