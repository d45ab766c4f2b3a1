"""A picture as somebody's screenshot has it: scaled into a page of text, drawn by Chromium."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from bench.transforms import WORDS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WINDOW = (1280, 900)
#: Of the window's width and height that the picture takes at most: text stays above, below and beside it.
SHARE = 62
SECONDS = 60.0
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def screenshot(chromium: str, data: bytes) -> bytes:
    """The page with the picture in it, as PNG. Raises OSError if the browser drew none."""
    with Image.open(io.BytesIO(data)) as image:
        mime = Image.MIME[str(image.format)]
    with tempfile.TemporaryDirectory(prefix="remarque-page-") as folder:
        page, out = Path(folder, "page.html"), Path(folder, "out.png")
        page.write_text(_page(f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"))
        width, height = WINDOW
        profile = f"--user-data-dir={folder}/profile"
        size = f"--window-size={width},{height}"
        command = [chromium, *_OPTIONS, profile, size, f"--screenshot={out}", page.as_uri()]
        subprocess.run(command, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL, capture_output=True)
        return out.read_bytes()


def _page(source: str) -> str:
    text = "".join(f"<p>{' '.join(WORDS) * 2}</p>" for _ in range(4))
    return (
        "<!doctype html><meta charset=utf-8><style>body{font:16px/1.5 serif;margin:24px 60px;background:#fdfdfb}"
        f"img{{max-width:{SHARE}vw;max-height:{SHARE}vh;float:left;margin:0 24px 12px 0}}</style>"
        f"<h1>{' '.join(WORDS[:6])}</h1><p>{' '.join(WORDS)}</p><img src='{source}'>{text}"
    )
