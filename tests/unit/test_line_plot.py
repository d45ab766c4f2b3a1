"""Plots of measurements: well-formed, labelled, and drawn to scale."""

import re

from defusedxml import minidom

from bench.line_plot import svg


def test_a_plot_is_drawn_to_scale_from_zero() -> None:
    drawn = svg("A < B & C", "labels", "MiB", {"one": [(0, 0), (100, 50)], "two": [(0, 25), (50, 25)]})
    root = minidom.parseString(drawn).documentElement
    assert root is not None
    texts = [node.firstChild.data for node in root.getElementsByTagName("text")]
    assert {"A < B & C", "labels", "MiB", "one", "two", "0", "100", "50"} <= set(texts)
    one, two = (node.getAttribute("d") for node in root.getElementsByTagName("path") if node.getAttribute("fill"))
    (left, bottom), (right, top) = ((float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", one))
    level, middle = re.findall(r"([\d.]+) ([\d.]+)", two)
    assert left < right
    assert top < bottom
    assert float(level[1]) == float(middle[1]) == (top + bottom) / 2
    assert float(middle[0]) == (left + right) / 2


def test_a_plot_of_one_point_at_zero_can_be_drawn() -> None:
    assert "<svg" in svg("t", "x", "y", {"one": [(0, 0)]})
