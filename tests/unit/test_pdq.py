"""PDQ against the reference, bit for bit, and the package's own promises."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from remarque.errors import MissingExtra, TooPlain, Undecodable
from remarque.fingerprints import (
    MIN_QUALITY,
    ORIENTATIONS,
    Fingerprints,
    fingerprint,
    pdq_dihedral,
    require_detail,
    rgb_to_luma,
)
from remarque.fingerprints.selftest import FORMULAS, drawn_picture, selftest, vectors
from tests.make_pdq_vectors import reference_hashes, reference_phash

PHOTOGRAPHS = {name: getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")}

#: pdqhash 0.2.8.
PINNED_ASTRONAUT = "2d6b1af3a956c529e79ca3d2526fa834d4196c81cedd04de0a26b855fc99b724"

TURNS = {
    "identity": lambda a: a,
    "mirror_left_right": lambda a: a[:, ::-1],
    "mirror_top_bottom": lambda a: a[::-1],
    "rotate_180": lambda a: a[::-1, ::-1],
    "transpose": lambda a: a.swapaxes(0, 1),
    "rotate_90_ccw": np.rot90,
    "rotate_90_cw": lambda a: np.rot90(a, -1),
    "anti_transpose": lambda a: a[::-1, ::-1].swapaxes(0, 1),
}


def png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, "PNG")
    return file.getvalue()


def hexes(luma: np.ndarray) -> list[str]:
    return [row.tobytes().hex() for row in pdq_dihedral(luma).hashes]


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_hash_as_the_reference_does(name: str) -> None:
    rgb = PHOTOGRAPHS[name]
    expected, quality = reference_hashes(rgb)
    pdq = pdq_dihedral(rgb_to_luma(rgb))
    assert [row.tobytes().hex() for row in pdq.hashes] == expected
    assert pdq.quality == quality >= MIN_QUALITY


def test_the_hash_of_a_known_picture_is_this() -> None:
    # Pinned, so that no new version of a decoder, of numba or of numpy changes it unseen.
    assert hexes(rgb_to_luma(PHOTOGRAPHS["astronaut"]))[0] == PINNED_ASTRONAUT


SIZES = (
    (1, 1), (1, 90), (90, 1), (4, 4), (4, 5), (5, 5), (5, 4), (5, 300), (15, 17), (16, 16), (17, 15), (63, 64),
    (64, 64), (64, 65), (127, 129), (128, 128), (129, 127), (1024, 48), (48, 1024), (700, 1100),
)  # fmt: skip


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_size_hashes_as_the_reference_does(height: int, width: int) -> None:
    for formula in FORMULAS:
        rgb = drawn_picture(formula, seed=3, width=width, height=height)
        expected, quality = reference_hashes(rgb)
        pdq = pdq_dihedral(rgb_to_luma(rgb))
        assert ([row.tobytes().hex() for row in pdq.hashes], pdq.quality) == (expected, quality), formula


def test_under_five_pixels_there_is_no_hash() -> None:
    pdq = pdq_dihedral(np.random.default_rng(0).random((4, 300), np.float32) * 255)
    assert not pdq.hashes.any()
    assert pdq.quality == 0


@pytest.mark.parametrize("place", range(8))
def test_each_row_is_the_picture_after_its_operation(place: int) -> None:
    luma = rgb_to_luma(PHOTOGRAPHS["coffee"])
    turned = pdq_dihedral(np.ascontiguousarray(TURNS[ORIENTATIONS[place]](luma))).hashes[0]
    distances = np.bitwise_count(pdq_dihedral(luma).hashes ^ turned).sum(axis=1)
    assert distances.argmin() == place
    assert distances[place] <= 16  # the samples lie half a pixel elsewhere in a mirrored picture
    assert np.delete(distances, place).min() > 80


def test_the_caller_s_array_is_neither_changed_nor_required_to_be_anything() -> None:
    luma = rgb_to_luma(PHOTOGRAPHS["chelsea"])
    expected = hexes(luma)
    kept = luma.copy()
    frozen = luma.copy()
    frozen.setflags(write=False)
    assert hexes(frozen) == expected
    assert hexes(np.asfortranarray(luma)) == expected
    assert hexes(np.repeat(luma, 2, axis=1)[:, ::2]) == expected
    assert np.array_equal(luma, kept)


# -- fingerprint()


def test_fingerprint_puts_it_all_together() -> None:
    data = png(PHOTOGRAPHS["astronaut"])
    prints = fingerprint(data)
    assert (prints.mime, prints.width, prints.height) == ("image/png", 512, 512)
    items = prints.to_items()
    assert [item.value for item in items[:8]] == reference_hashes(PHOTOGRAPHS["astronaut"])[0]
    assert tuple(item.orientation for item in items[:8]) == ORIENTATIONS
    assert {item.quality for item in items[:8]} == {prints.quality}
    assert [item.value for item in items if item.alg == "phash"] == [reference_phash(PHOTOGRAPHS["astronaut"])]
    assert len([item for item in items if item.alg == "pdq-region"]) == len(prints.regions) > 0
    require_detail(prints)


def test_fingerprints_cross_a_pipe() -> None:
    prints = fingerprint(png(PHOTOGRAPHS["chelsea"]))
    sent = pickle.dumps(prints, pickle.HIGHEST_PROTOCOL)
    assert len(sent) < 20_000  # no pixel of 300 x 451 crosses
    back = pickle.loads(sent)  # noqa: S301 - made one line above
    assert isinstance(back, Fingerprints)
    assert back.to_items() == prints.to_items()
    assert back.sha256 == prints.sha256


def test_a_reduced_jpeg_stays_near_its_full_decode() -> None:
    large = Image.fromarray(PHOTOGRAPHS["coffee"]).resize((2400, 1600), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    large.save(file, "JPEG", quality=90)
    full = reference_hashes(np.asarray(Image.open(file).convert("RGB")))[0]
    near = fingerprint(file.getvalue()).to_items()
    assert near[0].value != full[0]  # or the reduction did not happen
    for ours, reference in zip(near, full, strict=False):
        assert (int(ours.value, 16) ^ int(reference, 16)).bit_count() <= 16


def test_plain_pictures_are_fingerprinted_and_told_apart_by_their_quality() -> None:
    prints = fingerprint(png(np.full((80, 120, 3), 90, np.uint8)))
    assert prints.quality == 0
    with pytest.raises(TooPlain, match="0"):
        require_detail(prints)


def test_broken_bytes_raise() -> None:
    with pytest.raises(Undecodable):
        fingerprint(png(PHOTOGRAPHS["chelsea"])[:5000])


# -- self-test


def test_selftest_passes() -> None:
    assert selftest() == []


def test_selftest_notices_one_wrong_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = vectors()[:2]
    wrong[1]["pdq"][5] = f"{int(wrong[1]['pdq'][5], 16) ^ 1:064x}"
    monkeypatch.setattr("remarque.fingerprints.selftest.vectors", lambda: wrong)
    assert len(selftest()) == 1


def test_the_shipped_vectors_are_the_reference_s() -> None:
    for vector in vectors():
        drawing = {key: vector[key] for key in ("formula", "seed", "width", "height")}
        rgb = drawn_picture(**drawing)
        assert (vector["pdq"], vector["quality"]) == reference_hashes(rgb), drawing
        assert vector["phash"] == reference_phash(rgb), drawing


# -- how it is installed


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, json, remarque.fingerprints, remarque.matching; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(python(code).stdout))
    assert not loaded & {"numba", "imagehash", "scipy", "c2pa", "llvmlite"}


@pytest.mark.parametrize("missing", ["numba", "imagehash"])
def test_without_the_extra_the_error_names_it(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == missing or n == "remarque.fingerprints.jarosz"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delattr("remarque.fingerprints.jarosz", raising=False)
    with pytest.raises(MissingExtra, match=r"remarque\[filter\]"):
        fingerprint(png(PHOTOGRAPHS["chelsea"]))


def test_it_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    package = Path(sys.modules["remarque"].__file__ or "").parent
    shutil.copytree(package, tmp_path / "remarque", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "remarque" / "fingerprints" / "__pycache__"
    cache.write_text("a file, so that no directory can be made here")  # works for root too, whom modes do not stop
    (tmp_path / "home").write_text("a file as well")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import numpy as np\n"
        "from remarque.fingerprints import pdq, pdq_dihedral\n"
        f"assert pdq.__file__.startswith({str(tmp_path)!r})\n"
        "print(pdq_dihedral(np.arange(6400, dtype=np.float32).reshape(80, 80) % 251).hashes[0].tobytes().hex())\n"
    )
    expected = hexes(np.arange(6400, dtype=np.float32).reshape(80, 80) % 251)[0]
    nowhere = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home"), "NUMBA_CACHE_DIR": ""}
    done = python(code, **nowhere)
    assert done.stdout.strip() == expected, done.stderr
    elsewhere = tmp_path / "cache"
    done = python(code, **nowhere | {"NUMBA_CACHE_DIR": str(elsewhere)})
    assert done.stdout.strip() == expected, done.stderr
    assert list(elsewhere.rglob("*.nbi"))
