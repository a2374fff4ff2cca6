"""Pictures of the report: embedded images, masks made smaller, thumbnails."""

import base64
import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pages import GREY, grey, nowhere

from gcg_bench import masks
from gcg_bench.files.images import file_picture
from gcg_bench.reporting.report.page import embedded
from gcg_bench.reporting.report.smaller import fitted, shrunk
from gcg_bench.reporting.report.svg import Svg, element
from gcg_bench.reporting.report.thumbnails import LONGEST, thumbnails


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Zl", "Zp", "Mn", "Lo"])))
def test_embedded_is_plain_and_comes_back(text):
    value = {"a": [text, None, 1.5], text: "<>&é"}
    made = embedded(value)
    assert not set("<>&") & set(made)
    assert made.isascii()
    assert json.loads(made) == value
    assert json.loads(embedded(["\u202e", {"\u2028": "\ud800"}])) == [
        r"\u202e",
        {r"\u2028": r"\ud800"},
    ]


def test_svg_escapes_all_but_its_own():
    made = element("g", "<b>", element("text", "&"), class_="a\"b'", data_x=1.5, y=None)
    assert made == '<g class="a&quot;b&#x27;" data-x="1.5">&lt;b&gt;<text>&amp;</text></g>'
    assert isinstance(made, Svg)


# masks made smaller


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_shrunk_is_resized(data):
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    share = data.draw(st.sampled_from([0.0, 0.02, 0.3, 0.9, 1.0]))
    drawn = [masks.encode(rng.random((height, width)) < share) for _ in range(3)]
    sizes = [(data.draw(st.integers(1, height)), data.draw(st.integers(1, width))) for _ in drawn]
    expected = [masks.resize(mask, *size) for mask, size in zip(drawn, sizes, strict=True)]
    assert shrunk(drawn, sizes) == expected


def test_shrunk_reads_masks_in_any_number():
    drawn = [masks.from_box((k % 7, 0, 30, 20), 30, 40) for k in range(1100)]
    expected = [masks.resize(mask, 15, 20) for mask in drawn]
    assert shrunk(drawn, [(15, 20)] * 1100) == expected
    assert shrunk([], []) == []


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((100, 200), 50, (25, 50)),
        ((100, 200), 200, (100, 200)),
        ((100, 200), 512, (100, 200)),
        ((1, 5000), 500, (1, 500)),
        ((5000, 3), 500, (500, 1)),
    ],
)
def test_fitted(size, longest, expected):
    assert fitted(*size, longest) == expected


# thumbnails


def opened(thumbnail):
    data = base64.b64decode(thumbnail.address.partition(",")[2])
    return Image.open(BytesIO(data))


def test_thumbnails_fit_and_keep_their_order():
    seen = []
    pictures = [grey(1000, 500), nowhere(), grey(20, 30)]
    first, second, third = thumbnails(pictures, 40_000, seen.append)
    assert opened(first).size == (LONGEST // 2, LONGEST)
    assert np.abs(np.asarray(opened(first)).astype(int) - GREY).max() <= 2
    assert (second.address, second.why) == (None, "/data/images/gone.jpg: no such image")
    assert opened(third).size == (30, 20)
    assert sum(seen) == 3


def test_thumbnails_grow_smaller_to_fit_their_budget():
    noise = np.random.default_rng(0).integers(0, 255, (600, 600, 3)).astype(np.uint8)
    picture = type(grey())(600, 600, lambda: noise)
    sizes = {}
    for budget in (400_000, 60_000, 12_000):
        (made,) = thumbnails([picture], budget, lambda _: None)
        assert len(made.address) <= budget + 30
        sizes[budget] = opened(made).size[0]
    assert sizes[400_000] == LONGEST
    assert sizes[400_000] >= sizes[60_000] > sizes[12_000]


def test_thumbnails_of_files(tmp_path):
    # the left half red; turned on its side by EXIF in one of them
    pixels = np.zeros((900, 1200, 3), dtype=np.uint8)
    pixels[:, :600, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "plain.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter to the right
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    (tmp_path / "none.jpg").write_bytes(b"no image")
    pictures = [
        file_picture(tmp_path / "plain.jpg", 900, 1200),
        file_picture(tmp_path / "plain.png", 900, 1200),
        file_picture(tmp_path / "turned.jpg", 1200, 900),
        file_picture(tmp_path / "turned.jpg", 900, 1200),
        file_picture(tmp_path / "plain.jpg", 90, 90),
        file_picture(tmp_path / "none.jpg", 90, 90),
        file_picture(tmp_path / "gone.jpg", 90, 90),
    ]
    plain, png, turned, unturned, wrong, none, gone = thumbnails(pictures, 90_000, lambda _: None)
    # JPEG decodes to a half, which is near enough to 512; what is read whole is made to fit
    sizes = [opened(made).size for made in (plain, turned, png, unturned)]
    assert sizes == [(600, 450), (450, 600), (512, 384), (512, 384)]
    for made in (plain, png, unturned):
        row = np.asarray(opened(made))[200, :, 0]
        assert row[10] > 200
        assert row[-10] < 50
    column = np.asarray(opened(turned))[:, 200, 0]
    assert column[10] > 200
    assert column[-10] < 50
    assert "900 x 1200" in wrong.why
    assert "not an image" in none.why
    assert "no such image" in gone.why


def test_large_files_are_decoded_to_about_the_size_wanted(tmp_path):
    pixels = np.full((1200, 1600, 3), GREY, dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.jpg")
    (made,) = thumbnails([file_picture(tmp_path / "large.jpg", 1200, 1600)], 90_000, lambda _: None)
    # a half is too large (800), a quarter too small (400)
    assert opened(made).size == (512, 384)
