"""Labels through the clients: a picture comes back labelled or not at all, and nothing is lost on the way."""

import os
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from remarque.client import write_whole
from remarque.client.pictures import MODES, encode
from remarque.errors import AnswerNotUnderstood, InvalidRequest, ServiceRefused, ServiceUnreachable
from tests.unit.answering import Service, labelled, problem, sent


def clouds(mode: str = "RGB", size: int = 24) -> Image.Image:
    """A picture of that mode, drawn from numbers."""
    noise = np.random.default_rng(7).integers(0, 256, (size, size, 3), np.uint8)
    if mode == "I;16":
        return Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257)
    image = Image.fromarray(noise)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(noise[:, :, 1]))
    return image.convert(mode)


def test_a_label_comes_back_with_its_record_and_its_warnings() -> None:
    service = Service(labelled(**{"Remarque-Warnings": "no_time_stamp, not_recoverable"}))
    answer = service.client().label(b"x", system="Brush", preferences={"search": "allowed"}, on_invalid="replace")
    assert (answer.data, answer.label_id, answer.layers) == (b"PNG", "l1", ["c2pa", "xmp"])
    assert answer.describedby == "https://registry.example/v1/labels/l1"
    assert answer.warnings == ["no_time_stamp", "not_recoverable"]
    assert sent(service.requests[0]) == (
        b"x",
        {"system": "Brush", "preferences": {"search": "allowed"}, "on_invalid": "replace"},
    )
    assert Service(labelled()).client().label(b"x", system="Brush").warnings == []


def test_only_what_is_set_is_sent() -> None:
    service = Service(labelled())
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    service.client().stamp_bytes(
        b"x", system="Brush", prompt="a boat", profiles=["cn"], keep_metadata=False, created_at=moment, constraint=None
    )
    assert sent(service.requests[0])[1] == {
        "system": "Brush",
        "prompt": "a boat",
        "profiles": ["cn"],
        "keep_metadata": False,
        "created_at": "2026-11-24T00:00:00Z",
    }


@pytest.mark.parametrize("wish", [{}, {"system": "Brush", "promt": "a boat"}], ids=["no-system", "unknown-field"])
def test_a_wrong_wish_is_told_before_anything_is_sent(wish: dict[str, Any]) -> None:
    service = Service(labelled())
    with pytest.raises(TypeError):
        service.client().stamp_bytes(b"x", **wish)
    assert service.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        labelled(**{"Content-Type": "text/html"}),
        labelled(**{"Remarque-Label-Id": ""}),
        labelled(**{"Remarque-Layers": " , "}),
        labelled(b""),
        labelled(b"as it was sent"),
    ],
    ids=["no-picture", "no-id", "no-layers", "empty", "unchanged"],
)
def test_an_unlabelled_answer_is_never_taken_for_a_label(answer: httpx.Response) -> None:
    with pytest.raises(AnswerNotUnderstood):
        Service(answer).client().label(b"as it was sent", system="Brush")


@pytest.mark.parametrize(
    ("format", "mode"), [(format, mode) for format, modes in MODES.items() for mode in sorted(modes)]
)
def test_a_mode_that_a_format_holds_comes_back_as_it_was(format: str, mode: str) -> None:
    image = clouds(mode)
    lossless = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}, "JPEG": {"quality": 100}}
    with Image.open(BytesIO(encode(image, format, lossless.get(format)))) as read:
        assert (read.format, read.mode, read.size) == (format, mode, image.size)
        if format not in ("JPEG", "AVIF"):
            assert np.array_equal(np.asarray(read), np.asarray(image))


@pytest.mark.parametrize(
    ("format", "mode"),
    [("JPEG", "RGBA"), ("JPEG", "P"), ("JPEG", "I;16"), ("WEBP", "L"), ("WEBP", "P"), ("AVIF", "I;16"), ("PNG", "CMYK")]
    + [(format, mode) for format in MODES for mode in ("I", "F", "HSV", "LAB", "YCbCr")],
)
def test_a_mode_that_a_format_does_not_hold_is_refused_and_not_sent(format: str, mode: str) -> None:
    service = Service(labelled())
    image = clouds(mode) if mode == "I;16" else Image.new(mode, (8, 8))
    with pytest.raises(InvalidRequest, match=mode):
        service.client().stamp_image(image, format=format, system="Brush")
    assert service.requests == []


def test_other_losses_are_refused_too() -> None:
    out = BytesIO()
    clouds().save(out, "PNG", save_all=True, append_images=[Image.new("RGB", (24, 24))])
    see_through = clouds()
    see_through.info["transparency"] = (0, 0, 0)
    named = clouds()
    named.info["k" * 80] = "x"
    with Image.open(out) as moving:
        for image, format in ((moving, "PNG"), (see_through, "JPEG"), (named, "PNG"), (clouds(), "GIF")):
            with pytest.raises(InvalidRequest):
                encode(image, format)
    with pytest.raises(InvalidRequest, match="written as JPEG"):
        encode(clouds(), "JPEG", {"exif": b"Exif\0\0" + bytes(70_000)})


@pytest.mark.parametrize("format", sorted(MODES))
def test_what_a_picture_carries_goes_with_it(format: str) -> None:
    image = clouds()
    exif = Image.Exif()
    exif[0x0131] = "Brush 2"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.info |= {"exif": exif.tobytes(), "icc_profile": profile, "parameters": "a boat", "prompt": '{"1": "\u821f"}'}
    with Image.open(BytesIO(encode(image, format))) as read:
        assert read.getexif()[0x0131] == "Brush 2"
        assert read.info["icc_profile"] == profile
        assert (read.info.get("parameters"), read.info.get("prompt")) == (
            ("a boat", '{"1": "\u821f"}') if format == "PNG" else (None, None)
        )


@given(
    st.dictionaries(
        st.text(st.characters(codec="latin-1", exclude_characters="\0"), min_size=1, max_size=30), st.text()
    )
)
def test_any_text_survives_in_png(texts: dict[str, str]) -> None:
    texts = {f"k-{key}": value.replace("\0", "") for key, value in texts.items()}
    image = Image.new("L", (2, 2))
    image.info |= texts
    with Image.open(BytesIO(encode(image, "PNG"))) as read:
        assert {key: read.info.get(key) for key in texts} == texts


def test_a_stamped_image_is_sent_as_that_file() -> None:
    service = Service(labelled())
    service.client().stamp_image(clouds("RGBA"), system="Brush")
    service.client().stamp_image(clouds(), format="jpg", encoding={"quality": 95}, system="Brush")
    formats = [Image.open(BytesIO(sent(request)[0])).format for request in service.requests]
    assert formats == ["PNG", "JPEG"]


def test_a_file_is_labelled_in_place_and_keeps_its_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "a.png", tmp_path / "link.png"
    path.write_bytes(b"before")
    path.chmod(0o640)
    link.symlink_to(path)
    service = Service(labelled(b"after"))
    assert service.client().stamp_file(link, system="Brush").label_id == "l1"
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"after", 0o640, True)
    assert sent(service.requests[0])[0] == b"before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.png", "link.png"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(403, "scope-missing"), ServiceRefused),
        (httpx.ConnectError("refused"), ServiceUnreachable),
        (labelled(b"before"), AnswerNotUnderstood),
    ],
    ids=["refused", "unreachable", "unlabelled"],
)
def test_a_file_is_untouched_where_it_was_not_labelled(tmp_path: Path, answer: Any, error: type[Exception]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    with pytest.raises(error):
        Service(answer).client().stamp_file(path, system="Brush")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def answer(request: httpx.Request) -> httpx.Response:
        path.write_bytes(b"somebody else's")
        return labelled(b"after")

    service = Service(labelled(b"after"))
    service.answering = answer
    with pytest.raises(InvalidRequest, match="changed"):
        service.client().stamp_file(path, system="Brush")
    assert path.read_bytes() == b"somebody else's"


def test_a_file_that_cannot_be_replaced_is_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Service(labelled(b"after")).client().stamp_file(path, system="Brush")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_new_file_gets_the_mode_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "new", b"x")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
