"""How loops are compiled here. Importing this module imports numba; only modules that hold loops import it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile without the interpreter's lock; keep the machine code on disk where a cache directory can be written."""
    result: Callable[P, R]
    try:
        result = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no cache directory can be written
        result = njit(nogil=True)(function)
    return result
