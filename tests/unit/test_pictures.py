"""Image files: finding them, opening them only when needed, checking their content."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny import paint

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.images import (
    ImageFinder,
    encoded,
    file_picture,
    image_sizes,
    picture_oddities,
    read_pixels,
)
from gcg_bench.types import Picture


def test_nothing_is_opened_before_a_look(tmp_path: Path) -> None:
    picture = file_picture(tmp_path / "later.png", 4, 6)
    with pytest.raises(MissingData, match=r"later\.png: no such image"):
        picture.read()
    pixels = paint(tmp_path / "later.png", 4, 6)
    assert (picture.read() == pixels).all()


def test_pictures_travel_to_other_processes(tmp_path: Path) -> None:
    pixels = paint(tmp_path / "a.png", 4, 6)
    again = pickle.loads(pickle.dumps(file_picture(tmp_path / "a.png", 4, 6)))
    assert (again.read() == pixels).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_pixels_are_rgb_whatever_the_file_holds(tmp_path: Path, mode: str) -> None:
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    paint(file, 5, 7, mode=mode)
    pixels = read_pixels(file, 5, 7)
    assert (pixels.shape, pixels.dtype) == ((5, 7, 3), np.uint8)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 5, 7)
    with pytest.raises(BadData, match="the image is 5 x 7, the annotations are for 7 x 5"):
        read_pixels(tmp_path / "a.png", 7, 5)


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(BadData, match="not an image that can be read"):
        read_pixels(tmp_path / "a.png", 5, 7)
    with pytest.raises(BadData, match="not an image that can be read"):
        image_sizes(tmp_path / "a.png")


def test_a_truncated_image_has_a_size_but_no_pixels(tmp_path: Path) -> None:
    paint(tmp_path / "a.jpg", 50, 70)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) * 2 // 3])
    assert image_sizes(tmp_path / "a.jpg") == ((50, 70),)
    with pytest.raises(BadData, match="not an image"):
        read_pixels(tmp_path / "a.jpg", 50, 70)


def test_exif_turns_an_image_unless_the_annotations_are_for_it_unturned(tmp_path: Path) -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the viewer must rotate the image by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert (read_pixels(tmp_path / "a.png", 6, 4) == np.rot90(pixels, -1)).all()
    assert (read_pixels(tmp_path / "a.png", 4, 6) == pixels).all()
    assert image_sizes(tmp_path / "a.png") == ((6, 4), (4, 6))


def test_the_finder_prefers_the_first_folder_that_has_the_file(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    assert ImageFinder([one, two]).path("a.png") == one / "a.png"
    two.mkdir()
    assert ImageFinder([one, two]).path("a.png") == two / "a.png"
    paint(three / "a.png", 2, 2)
    assert ImageFinder([one, two, three]).path("a.png") == three / "a.png"
    assert ImageFinder([one, two, three]).path("b.png") == two / "b.png"
    paint(two / "a.png", 2, 2)
    assert ImageFinder([one, two, three]).path("a.png") == two / "a.png"
    assert ImageFinder([]).path("a.png") == Path("a.png")


def test_an_encoded_picture_is_its_file_or_a_lossless_one(tmp_path: Path) -> None:
    paint(tmp_path / "a.jpg", 8, 8)
    assert encoded(file_picture(tmp_path / "a.jpg", 8, 8)) == (tmp_path / "a.jpg").read_bytes()
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    (tmp_path / "b.png").write_bytes(encoded(Picture(8, 8, lambda: pixels)))
    assert (read_pixels(tmp_path / "b.png", 8, 8) == pixels).all()


RAMP = (np.arange(48 * 64).reshape(48, 64) * 20).astype(np.uint16)  # 0 to 61,420


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(RAMP).save(file)
    pixels = read_pixels(file, 48, 64)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[:, :, 0] - RAMP / 257).max() <= 0.5
    assert round(float(pixels.mean()), 1) == 119.5


def test_white_and_black_of_sixteen_bits_stay(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png", 1, 2)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (RAMP.astype(np.int32), "integers of 32 bits"),
        ((RAMP / 65535).astype(np.float32), "floating-point numbers"),
        ((RAMP / 257).astype(np.float32), "floating-point numbers"),
    ],
)
def test_numbers_without_a_known_range_are_refused_by_name(
    tmp_path: Path, values: np.ndarray, message: str
) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(BadData, match=rf"a\.tif: the image holds {message}.*Convert it to 8 bits"):
        read_pixels(tmp_path / "a.tif", 48, 64)


def test_one_bit_and_transparent_palettes_are_read(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bit.png")
    assert read_pixels(tmp_path / "bit.png", 1, 2)[0, :, 0].tolist() == [255, 0]
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "p.png", transparency=bytes([0, 255]))
    assert read_pixels(tmp_path / "p.png", 1, 2)[0].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_oddities_of_pictures_are_said(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 4, 6)
    assert list(picture_oddities(tmp_path / "a.png")) == []
    frames = [Image.new("L", (6, 4), shade) for shade in (10, 200)]
    frames[0].save(tmp_path / "f.tif", save_all=True, append_images=frames[1:])
    assert list(picture_oddities(tmp_path / "f.tif")) == [
        "the file holds 2 images, of which the first is read"
    ]
    Image.fromarray((RAMP // 16).astype(np.uint16)).save(tmp_path / "b.png")
    assert "16 bits whose largest value is 3838" in next(picture_oddities(tmp_path / "b.png"))
    paint(tmp_path / "c.png", 4, 6, mode="RGBA")
    assert list(picture_oddities(tmp_path / "c.png")) == [
        "the image is transparent in part, which is left out"
    ]
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("RGB", (6, 4)).save(tmp_path / "d.png", exif=exif)
    assert "EXIF orientation is 3" in next(picture_oddities(tmp_path / "d.png"))


@pytest.mark.parametrize("largest", [4095, 65535])
def test_grey_ppm_of_16_bits_is_scaled_by_its_header(tmp_path: Path, largest: int) -> None:
    values = np.array([[0, largest // 2, largest]], dtype=">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5\n3 1\n%d\n" % largest + values.tobytes())
    assert read_pixels(tmp_path / "a.pgm", 1, 3)[0, :, 0].tolist() == [0, 127, 255]


def test_a_file_that_is_no_picture_is_refused_by_formats(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(BadData, match=r"an image that can be read \(none of JPEG, PNG"):
        read_pixels(tmp_path / "a.png", 1, 1)
