"""What people and tools do to pictures, drawn the same way each time.

``TRANSFORMS`` maps the name of a row to a function of a picture and a random generator that returns the encoded copy.
Unless a row says otherwise its copy ends as a JPEG of quality 88.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from skimage.data import coffee

Picture = Image.Image
Copy = Callable[[Picture, np.random.Generator], bytes]
Change = Callable[[Picture, np.random.Generator], Picture]

WORDS = "the picture shows how light falls over hills and water while people walk home from a long day at work ".split()


def opened(data: bytes) -> Picture:
    """A file as a person sees it: upright, over white, RGB."""
    with Image.open(io.BytesIO(data)) as image:
        rgba = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return white.convert("RGB")


def copy(name: str, picture: Picture, key: str) -> bytes:
    """The copy of row ``name`` of the picture called ``key``; the same for the same names and pixels."""
    return TRANSFORMS[name](picture, np.random.default_rng([zlib.crc32(name.encode()), zlib.crc32(key.encode())]))


def jpeg(picture: Picture, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def then_jpeg(change: Change, quality: int = 88) -> Copy:
    return lambda picture, random: jpeg(change(picture, random), quality)


def encode(kind: str, **options: int) -> Copy:
    def save(picture: Picture, _: np.random.Generator) -> bytes:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        return file.getvalue()

    return save


def resize(factor: float, factor_down: float | None = None) -> Change:
    def change(picture: Picture, _: np.random.Generator) -> Picture:
        size = (round(picture.width * factor), round(picture.height * (factor_down or factor)))
        return picture.resize((max(1, size[0]), max(1, size[1])), Image.Resampling.LANCZOS)

    return change


def enhance(kind: Callable[[Picture], ImageEnhance._Enhance], factor: float) -> Change:
    return lambda picture, _: kind(picture).enhance(factor)


def gamma(power: float) -> Change:
    table = [round(255 * (i / 255) ** power) for i in range(256)] * 3
    return lambda picture, _: picture.point(table)


def greatest_channel(picture: Picture, _: np.random.Generator) -> Picture:
    """Saturation 0 in HSV: harsher than luma."""
    red, green, blue = picture.split()
    grey = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return grey.convert("RGB")


def blur(sigma: float) -> Change:
    return lambda picture, _: picture.filter(ImageFilter.GaussianBlur(sigma))


def noise(sigma: float) -> Change:
    def change(picture: Picture, random: np.random.Generator) -> Picture:
        pixels = np.asarray(picture, np.float32)
        return Image.fromarray(np.clip(pixels + random.normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8))

    return change


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(8.0, size))


def caption(picture: Picture, random: np.random.Generator) -> Picture:
    """One line of white text with a dark outline near the bottom."""
    picture = picture.copy()
    size = picture.height * 0.06
    text = " ".join(random.choice(WORDS, 5))
    place = (picture.width / 2, picture.height * 0.93)
    ImageDraw.Draw(picture).text(place, text, "white", _font(size), "mm", stroke_width=2, stroke_fill="black")
    return picture


def meme(picture: Picture, random: np.random.Generator) -> Picture:
    """Outlined capitals as wide as the picture, at the top and at the bottom."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    for share in (0.1, 0.9):
        text = " ".join(random.choice(WORDS, 3)).upper()
        size = picture.height * 0.13
        size = min(size, size * 0.95 * picture.width / max(1.0, draw.textlength(text, _font(size))))
        draw.text(
            (picture.width / 2, picture.height * share),
            text,
            "white",
            _font(size),
            "mm",
            stroke_width=max(1, round(size * 0.06)),
            stroke_fill="black",
        )
    return picture


def watermark(picture: Picture, _: np.random.Generator) -> Picture:
    """A slanted text, tiled over the whole picture and added at 35 %."""
    longest = max(picture.size)
    tile = Image.new("L", (2 * longest, 2 * longest))
    draw = ImageDraw.Draw(tile)
    size = max(10.0, longest / 16)
    width = draw.textlength("SAMPLE PROOF  ", _font(size))
    for i, top in enumerate(np.arange(0, 2 * longest, 2.2 * size)):
        for left in np.arange(-width * (i % 2) / 2, 2 * longest, width):
            draw.text((left, top), "SAMPLE PROOF", 255, _font(size))
    tile = tile.rotate(30, Image.Resampling.BILINEAR)
    left, top = (tile.width - picture.width) // 2, (tile.height - picture.height) // 2
    tile = tile.crop((left, top, left + picture.width, top + picture.height)).point([i * 35 // 100 for i in range(256)])
    return ImageChops.add(picture, Image.merge("RGB", (tile, tile, tile)))


def border(share: float) -> Change:
    return lambda picture, _: ImageOps.expand(picture, max(1, round(share * max(picture.size))), "white")


def letterbox(picture: Picture, _: np.random.Generator) -> Picture:
    bar = round(0.17 * picture.height)
    boxed = Image.new("RGB", (picture.width, picture.height + 2 * bar))
    boxed.paste(picture, (0, bar))
    return boxed


def crop(area: float, *, aspect: float = 0.0, centre: bool = False) -> Change:
    """Keep that share of the area; ``aspect``: shape off by a factor of up to exp(aspect), either way."""

    def change(picture: Picture, random: np.random.Generator) -> Picture:
        stretch = math.exp(random.uniform(-aspect, aspect) / 2)
        side = math.sqrt(area)
        width = round(min(1.0, side * stretch) * picture.width)
        height = round(min(1.0, side / stretch) * picture.height)
        x, y = (0.5, 0.5) if centre else random.uniform(size=2)
        left, top = round(x * (picture.width - width)), round(y * (picture.height - height))
        return picture.crop((left, top, left + max(1, width), top + max(1, height)))

    return change


def rotate_inner(degrees: float) -> Change:
    """Turn, then keep the largest upright rectangle of the same shape inside."""

    def change(picture: Picture, _: np.random.Generator) -> Picture:
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        w, h = picture.size
        share = min(w / (w * cos + h * sin), h / (w * sin + h * cos))
        turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
        width, height = share * w, share * h
        left, top = (w - width) / 2, (h - height) / 2
        return turned.crop((math.ceil(left), math.ceil(top), int(left + width), int(top + height)))

    return change


def rotate_black(degrees: float) -> Change:
    return lambda picture, _: picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True)


def transpose(method: Image.Transpose) -> Change:
    return lambda picture, _: picture.transpose(method)


def _text_lines(page: Picture, box: tuple[int, int, int, int], size: float, random: np.random.Generator) -> None:
    draw = ImageDraw.Draw(page)
    left, top, right, bottom = box
    for y in np.arange(top, bottom - size, 1.5 * size):
        text = ""
        while draw.textlength(text, _font(size)) < 0.95 * (right - left):
            text += str(random.choice(WORDS)) + " "
        draw.text((left, y), text.rsplit(" ", 2)[0], "black", _font(size))


def page(picture: Picture, random: np.random.Generator) -> Picture:
    """A page of text, 1.7 times as wide and twice as high, the picture between its lines."""
    w, h = picture.size
    sheet = Image.new("RGB", (round(1.7 * w), 2 * h), "white")
    left, top = round(0.35 * w), round(random.uniform(0.3, 0.7) * h)
    size = max(9.0, w / 30)
    box = (round(0.15 * w), round(0.08 * h), round(1.55 * w))
    _text_lines(sheet, (*box, top - round(size)), size, random)
    _text_lines(sheet, (box[0], top + h + round(size), box[2], round(1.95 * h)), size, random)
    sheet.paste(picture, (left, top))
    return sheet


def post(ground: str, ink: str) -> Change:
    """A post on a telephone, 540 x 1100, the picture over its whole width; what is too tall runs off the screen."""

    def change(picture: Picture, random: np.random.Generator) -> Picture:
        screen = Image.new("RGB", (540, 1100), ground)
        draw = ImageDraw.Draw(screen)
        height = max(1, round(540 * picture.height / picture.width))
        top = 130
        draw.ellipse((16, 60, 64, 108), fill=(90, 130, 200))
        draw.text((80, 62), "someone", ink, _font(20))
        draw.text((80, 86), "2 h", (128, 128, 128), _font(16))
        draw.text((16, 16), "12:40", ink, _font(18))
        screen.paste(picture.resize((540, height), Image.Resampling.LANCZOS), (0, top))
        for i in range(4):
            button = (20 + 60 * i, top + height + 14, 52 + 60 * i, top + height + 46)
            draw.rounded_rectangle(button, 8, outline=ink, width=3)
        draw.text((16, top + height + 60), " ".join(random.choice(WORDS, 6)), ink, _font(18))
        draw.text((16, top + height + 88), " ".join(random.choice(WORDS, 5)), ink, _font(18))
        return screen

    return change


def collage(picture: Picture, random: np.random.Generator) -> Picture:
    """Pasted on another photograph that is 1.5 times as large."""
    photograph = coffee()  # type: ignore[no-untyped-call]  # scikit-image ships no types
    ground = Image.fromarray(photograph).resize((round(1.5 * picture.width), round(1.5 * picture.height)))
    x, y = random.uniform(size=2)
    ground.paste(picture, (round(x * (ground.width - picture.width)), round(y * (ground.height - picture.height))))
    return ground


def both(first: Change, second: Change) -> Change:
    return lambda picture, random: second(first(picture, random), random)


FLIP = transpose(Image.Transpose.FLIP_LEFT_RIGHT)

TRANSFORMS: dict[str, Copy] = {
    "jpeg q90": encode("JPEG", quality=90),
    "jpeg q70": encode("JPEG", quality=70),
    "jpeg q50": encode("JPEG", quality=50),
    "jpeg q30": encode("JPEG", quality=30),
    "resize 0.5": then_jpeg(resize(0.5)),
    "half size q50": then_jpeg(resize(0.5), 50),
    "resize 0.25": then_jpeg(resize(0.25)),
    "resize 2": then_jpeg(resize(2)),
    "png": encode("PNG"),
    "webp q80": encode("WEBP", quality=80),
    "bright +30%": then_jpeg(enhance(ImageEnhance.Brightness, 1.3)),
    "bright -30%": then_jpeg(enhance(ImageEnhance.Brightness, 0.7)),
    "contrast x1.5": then_jpeg(enhance(ImageEnhance.Contrast, 1.5)),
    "contrast x0.6": then_jpeg(enhance(ImageEnhance.Contrast, 0.6)),
    "gamma 0.6": then_jpeg(gamma(0.6)),
    "gamma 1.7": then_jpeg(gamma(1.7)),
    "saturation x2": then_jpeg(enhance(ImageEnhance.Color, 2)),
    "grayscale": then_jpeg(greatest_channel),
    "blur s=2": then_jpeg(blur(2)),
    "blur s=4": then_jpeg(blur(4)),
    "noise s=10": then_jpeg(noise(10)),
    "noise s=25": then_jpeg(noise(25)),
    "caption text": then_jpeg(caption),
    "meme text": then_jpeg(meme),
    "tiled watermark": then_jpeg(watermark),
    "border 3%": then_jpeg(border(0.03)),
    "border 10%": then_jpeg(border(0.10)),
    "letterbox 17%": then_jpeg(letterbox),
    "crop keep 95% area": then_jpeg(crop(0.95)),
    "crop keep 90%": then_jpeg(crop(0.90)),
    "crop keep 80%": then_jpeg(crop(0.80)),
    "crop keep 70%": then_jpeg(crop(0.70)),
    "crop keep 50%": then_jpeg(crop(0.50)),
    "center crop 50%": then_jpeg(crop(0.50, centre=True)),
    "crop 50% + aspect": then_jpeg(crop(0.50, aspect=0.3)),
    "crop keep 25%": then_jpeg(crop(0.25)),
    "rotate 2 (inner)": then_jpeg(rotate_inner(2)),
    "rotate 5 (inner)": then_jpeg(rotate_inner(5)),
    "rotate 5 (black)": then_jpeg(rotate_black(5)),
    "rotate 10 (black)": then_jpeg(rotate_black(10)),
    "rotate 90": then_jpeg(transpose(Image.Transpose.ROTATE_90)),
    "rotate 180": then_jpeg(transpose(Image.Transpose.ROTATE_180)),
    "rotate 270": then_jpeg(transpose(Image.Transpose.ROTATE_270)),
    "h-flip": then_jpeg(FLIP),
    "aspect 1.25": then_jpeg(resize(1.25, 1.0)),
    "flip + crop 70%": then_jpeg(both(FLIP, crop(0.70)), 70),
    "picture in text page": then_jpeg(page, 80),
    "social shot light": then_jpeg(post("white", "black"), 80),
    "social shot dark": then_jpeg(post("black", "white"), 80),
    "collage on photo": then_jpeg(collage, 80),
}

#: Not in the table to beat: two changes at once.
COMBINATIONS: dict[str, Copy] = {
    "crop 50% + resize 0.5": then_jpeg(both(crop(0.50), resize(0.5))),
    "crop 50% + aspect 1.25": then_jpeg(both(crop(0.50), resize(1.25, 1.0))),
    "crop 70% + watermark": then_jpeg(both(crop(0.70), watermark)),
    "flip + page": then_jpeg(both(FLIP, page), 80),
    "rotate 5 (inner) + meme text": then_jpeg(both(rotate_inner(5), meme)),
}
TRANSFORMS |= COMBINATIONS
