"""A plot of lines as SVG: what is needed to see whether something grows, and no more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 55
#: Distinct with and without colour vision (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_TICKS = 5


def svg(title: str, across: str, up: str, lines: Mapping[str, Points]) -> str:
    """The lines over each other, from zero. ``lines``: name to points (x, y), none negative, at least one each."""
    xs = _ticks(max(x for points in lines.values() for x, _ in points))
    ys = _ticks(max(y for points in lines.values() for _, y in points))
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + wide * x / xs[-1], _TOP + high * (1 - y / ys[-1])

    parts = [_text(_LEFT, 22, title, "font-size='15'")]
    for x in xs:
        parts.append(_text(at(x, 0)[0], _HEIGHT - _BOTTOM + 18, f"{x:,g}", "text-anchor='middle'"))
    for y in ys:
        _, level = at(0, y)
        parts.append(f"<path d='M{_LEFT} {level:.1f}h{wide}' stroke='#ddd'/>")
        parts.append(_text(_LEFT - 8, level + 4, f"{y:,g}", "text-anchor='end'"))
    parts.append(_text(_LEFT + wide / 2, _HEIGHT - 12, across, "text-anchor='middle'"))
    parts.append(_text(_LEFT - 55, _TOP - 12, up))
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = "L".join("{:.1f} {:.1f}".format(*at(x, y)) for x, y in points)
        parts.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='1.8'/>")
        parts.append(_text(_LEFT + 160 + 190 * number, _TOP - 12, name, f"fill='{colour}'"))
    body = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' font-family='sans-serif' "
        f"font-size='12'>\n<rect width='100%' height='100%' fill='#fff'/>\n{body}\n</svg>\n"
    )


def _ticks(greatest: float) -> list[float]:
    """Round numbers from zero to the first that is not below ``greatest``."""
    rough = max(greatest, 1e-9) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(max(1, math.ceil(greatest / step)) + 1)]


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {more}>{escape(text)}</text>"
