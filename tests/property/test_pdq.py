"""PDQ on pictures of any size: the reference agrees."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.fingerprints import pdq_dihedral, rgb_to_luma
from tests.make_pdq_vectors import reference_hashes

sides = st.integers(1, 200)


@settings(max_examples=150, deadline=None)
@given(height=sides, width=sides, seed=st.integers(0, 2**32 - 1), cell=st.integers(1, 40), low=st.integers(0, 254))
def test_the_reference_agrees(height: int, width: int, seed: int, cell: int, low: int) -> None:
    """Blocks of random colour, from noise (cell 1) to flat (one cell), from full contrast to nearly none."""
    cells = np.random.default_rng(seed).integers(low, 256, (height // cell + 1, width // cell + 1, 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(cells.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width])
    expected, quality = reference_hashes(rgb)
    pdq = pdq_dihedral(rgb_to_luma(rgb))
    assert [row.tobytes().hex() for row in pdq.hashes] == expected
    assert pdq.quality == quality
