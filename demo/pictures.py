"""The pictures of the tour, drawn from numbers: each has detail enough to be recognised, and none is like another."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

WIDTH, HEIGHT = 960, 640

Rgb = tuple[int, int, int]


def landscape() -> Image.Image:
    """Evening over seven ridges, with a sun, and firs on the nearest slope. The artist's work."""
    random = np.random.default_rng(7)
    sky = _gradient((38, 28, 78), (250, 176, 110))
    _glow(sky, x=0.68 * WIDTH, y=0.36 * HEIGHT, radius=56.0)
    picture = Image.fromarray(sky.round().astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for layer in range(7):
        near = layer / 6
        ridge = HEIGHT * (0.42 + 0.075 * layer) + (70 + 30 * near) * _ridge(random, roughness=0.55)
        colour = _mix((196, 132, 128), (18, 26, 44), near)
        draw.polygon([(0, HEIGHT), *enumerate(ridge.tolist()), (WIDTH, HEIGHT)], fill=colour)
        if layer >= 5:
            for x in random.integers(0, WIDTH, 60 if layer == 5 else 45):
                _fir(draw, int(x), ridge[x] + 6, height=18 + 34 * near * random.uniform(0.6, 1.2), colour=colour)
    return picture


def garden() -> Image.Image:
    """A meadow of flowers seen from above. Nobody declares it."""
    random = np.random.default_rng(21)
    ground = _gradient((92, 132, 74), (46, 88, 58)) + random.normal(0, 9, (HEIGHT, WIDTH, 1))
    picture = Image.fromarray(ground.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.2))
    draw = ImageDraw.Draw(picture)
    palette: list[Rgb] = [(240, 98, 84), (250, 206, 92), (238, 236, 228), (172, 108, 204), (92, 130, 230)]
    for _ in range(95):
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
        size, turn = random.uniform(14, 58), random.uniform(0, np.pi)
        colour = palette[int(random.integers(len(palette)))]
        for petal in range(7):
            angle = turn + petal * 2 * np.pi / 7
            px, py = x + size * 0.62 * np.cos(angle), y + size * 0.62 * np.sin(angle)
            draw.ellipse(_box(px, py, size * 0.36), fill=colour, outline=_mix(colour, (0, 0, 0), 0.25))
        draw.ellipse(_box(x, y, size * 0.33), fill=(92, 62, 40))
    return picture


def fractal() -> Image.Image:
    """A part of a Julia set. The work of the generator in the tour."""
    # The whole set is the same turned by half: of its frequencies half are zero, and it has no fingerprint of a frame.
    real, imaginary = np.meshgrid(np.linspace(-0.4, 1.4, WIDTH), np.linspace(-0.8, 0.4, HEIGHT))
    z = real + 1j * imaginary
    escaped = np.zeros(z.shape)
    for step in range(90):
        inside = np.abs(z) < 4
        z[inside] = z[inside] ** 2 + (-0.79 + 0.156j)
        escaped[inside] = step
    shade = np.sqrt(escaped / escaped.max())[..., None]
    waves = 0.5 + 0.5 * np.cos(2 * np.pi * (shade * np.array([0.9, 1.1, 1.5]) + np.array([0.55, 0.42, 0.22])))
    return Image.fromarray((255 * waves).round().astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG."""
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def half_size_jpeg(picture: Image.Image) -> bytes:
    """What a web page would make of it: half the size, JPEG at quality 50."""
    return _jpeg(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS), 50)


def mirrored(picture: Image.Image) -> bytes:
    """Left and right exchanged."""
    return png(ImageOps.mirror(picture))


def bordered(picture: Image.Image) -> bytes:
    """The picture on a white square, as dataset tools make it: JPEG."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return _jpeg(square, 85)


def cropped(picture: Image.Image) -> bytes:
    """Half the area of the picture, off its centre: JPEG."""
    width, height = round(picture.width * 0.71), round(picture.height * 0.71)
    left, top = round(picture.width * 0.2), round(picture.height * 0.25)
    return _jpeg(picture.crop((left, top, left + width, top + height)), 85)


def pixels(data: bytes) -> NDArray[np.uint8]:
    """The decoded pixels of a file; uint8 (h, w, 3)."""
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def stripped(data: bytes) -> bytes:
    """The same pixels in a new PNG, without anything that was said beside them."""
    return png(Image.fromarray(pixels(data)))


def tampered(data: bytes) -> bytes:
    """Another picture under the same label: pixels painted over, the label's chunks carried along."""
    picture = Image.fromarray(pixels(data).copy())
    ImageDraw.Draw(picture).ellipse(
        _box(picture.width / 2, picture.height / 2, picture.height / 7), fill=(250, 240, 220)
    )
    label = [chunk for kind, chunk in _chunks(data) if kind in (b"caBX", b"iTXt")]
    painted = [chunk for _, chunk in _chunks(png(picture))]
    return data[:8] + b"".join([painted[0], *label, *painted[1:]])


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG as (type, all bytes of the chunk)."""
    start = 8
    while start < len(data):
        (length,) = struct.unpack_from(">I", data, start)
        chunk = data[start : start + length + 12]
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise ValueError("a chunk of the PNG is broken")
        yield chunk[4:8], chunk
        start += length + 12


def _gradient(top: Rgb, bottom: Rgb) -> NDArray[np.float64]:
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    return np.broadcast_to(np.array(top) * (1 - down) + np.array(bottom) * down, (HEIGHT, WIDTH, 3)).copy()


def _glow(sky: NDArray[np.float64], x: float, y: float, radius: float) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(columns - x, rows - y)
    light = np.exp(-distance / (3 * radius))[..., None] * 0.8
    sky += (np.array((255, 226, 170)) - sky) * np.where(distance[..., None] < radius, 1.0, light)


def _ridge(random: np.random.Generator, roughness: float) -> NDArray[np.float64]:
    """Midpoint-like fractal noise in -1..1 along the width: octaves of smooth steps."""
    x = np.arange(WIDTH)
    line = np.zeros(WIDTH)
    for octave in range(7):
        knots = random.uniform(-1, 1, 3 * 2**octave + 2)
        line += roughness**octave * np.interp(x * (len(knots) - 1) / WIDTH, np.arange(len(knots)), knots)
    return np.asarray(line / np.abs(line).max())


def _fir(draw: ImageDraw.ImageDraw, x: int, foot: float, height: float, colour: Rgb) -> None:
    for tier in range(4):
        top = foot - height * (1 - 0.2 * tier)
        half = height * (0.08 + 0.055 * tier)
        draw.polygon([(x, top), (x - half, top + height * 0.4), (x + half, top + height * 0.4)], fill=colour)


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _box(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius
