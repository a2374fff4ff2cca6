"""The report's tools: the grid, zoom, filters of phrases, and files to save."""

import base64
from io import BytesIO
from xml.etree import ElementTree

import pytest
from PIL import Image
from support.pages import GREY, material
from support.report_pages import choose, images, opened, pixel, rows, toggle

from gcg_bench.reporting.report import write_page

SVG = "{http://www.w3.org/2000/svg}"
CATCH = """
window.saved = [];
URL.createObjectURL = (blob) => { saved.push({blob}); return 'data:,'; };
HTMLAnchorElement.prototype.click = function () { saved[saved.length - 1].name = this.download; };
"""
TAKE = """
const done = arguments[0];
(async function wait() {
  const last = saved.pop();
  if (!last) return setTimeout(wait, 20);
  const reader = new FileReader();
  reader.onload = () => done([last.name, reader.result.split(',')[1]]);
  reader.readAsDataURL(last.blob);
})();
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp("tools") / "report.html"
    write_page(material(images()), file)
    return file


def saved(browser, what):
    """Name and bytes of the file that a button offers."""
    browser.run(CATCH)
    browser.click(browser.one("#save summary"))
    browser.click(browser.one(f"#save-{what}"))
    name, content = browser.driver.execute_async_script(TAKE)
    return name, base64.b64decode(content)


def slide(browser, field, value):
    browser.run(
        "const f = document.getElementById(arguments[0]); f.value = arguments[1];"
        "f.dispatchEvent(new Event('input'))",
        field,
        value,
    )
    for _ in range(4):
        browser.settle()


def test_picture_and_captions_are_on_one_screen(browser, page):
    browser.open(page, "#image=mixed")
    browser.driver.set_window_size(1280, 800)
    browser.settle()
    seen = browser.run(
        "return ['.stage.of0', '.stage.of1', '.says-all.of0 .caption', '.says-all.of1 .caption']"
        ".map((s) => document.querySelector(s).getBoundingClientRect())"
        ".every((r) => r.top >= 0 && r.bottom <= innerHeight && r.height > 20)"
    )
    assert seen


def test_grid_of_pictures(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page, "#image=failed")
    browser.press("g")
    assert not browser.one(".viewer").is_displayed()
    cells = browser.all("#rail .row")
    assert len({cell.location["y"] for cell in cells}) == 1
    assert len({cell.location["x"] for cell in cells}) == 4
    browser.run("document.getElementById('list').focus()")
    browser.press(Keys.ARROW_RIGHT, Keys.ENTER)
    assert browser.one(".viewer").is_displayed()
    assert opened(browser) == "mixed"
    browser.click(browser.one("#toggle-grid"))
    browser.click(browser.all("#rail .row")[-1])
    assert opened(browser) == "good"
    assert browser.one(".viewer").is_displayed()


def test_zoom_shows_a_part_of_both_pictures(browser, page):
    browser.open(page, "#image=good")
    toggle(browser, "outlines", "numbers")
    assert pixel(browser, 0, 2, 30) == pytest.approx([GREY, GREY, GREY, 255], abs=3)
    for _ in range(12):
        browser.press("+")
    assert browser.text("#zoom") == "1200%"
    # the middle of the picture lies in the dog's mask, which now fills both canvases
    blue = pytest.approx([105, 147, 171, 255], abs=4)
    assert [pixel(browser, side, x, 30) for side in (0, 1) for x in (2, 78)] == [blue] * 4
    browser.press("0")
    assert browser.text("#zoom") == "100%"
    assert pixel(browser, 1, 2, 30) == pytest.approx([GREY, GREY, GREY, 255], abs=3)


def test_filters_of_phrases(browser, page):
    browser.open(page)
    browser.click(browser.one("#more-phrases"))
    names = browser.run("return [...document.getElementById('class').options].map((o) => o.text)")
    shed = next(k for k, name in enumerate(names) if name.startswith("shed"))
    assert names[shed] == "shed (2)"
    choose(browser, "class", str(shed - 1))
    assert sorted(rows(browser)) == ["blank", "mixed"]
    assert browser.text("#count") == "2 of 4 images, 2 phrases"
    choose(browser, "kind", "kind0")  # no shed is matched
    assert rows(browser) == []
    browser.click(browser.one("#reset"))
    slide(browser, "iou-low", 50)
    slide(browser, "iou-high", 70)
    # the cats of two images, on both sides: IoU 12 / 20
    assert browser.text("#count") == "2 of 4 images, 4 phrases"
    assert browser.text("#iou-said") == "0.50 to 0.70"
    slide(browser, "agreement-low", 100)
    assert browser.text("#count") == "2 of 4 images, 4 phrases"
    browser.click(browser.one("#reset"))
    choose(browser, "size", "0")
    assert browser.text("#count") == "4 images, 21 phrases"
    choose(browser, "size", "2")
    assert rows(browser) == []


def test_ids_that_are_shown_can_be_saved(browser, page):
    browser.open(page)
    choose(browser, "kind", "kind5")
    assert browser.text("#save-ids") == "Ids of 2 images"
    assert saved(browser, "ids") == ("ids.txt", b"mixed\nblank\n")


def test_a_scene_is_saved_as_svg_and_png(browser, page):
    browser.open(page, "#image=mixed")
    name, content = saved(browser, "svg")
    assert name == "mixed.svg"
    drawing = ElementTree.fromstring(content)
    words = [node.text for node in drawing.iter(f"{SVG}text")]
    assert words[0] == "Reference"
    assert {"A cat", "a dog", "a boat", "two lamps", "a red shed"} <= set(words)
    pictures = list(drawing.iter(f"{SVG}image"))
    assert len(pictures) == 2
    assert all(picture.get("href").startswith("data:image/jpeg;base64,") for picture in pictures)
    fills = {node.get("fill") for node in drawing.iter(f"{SVG}rect")}
    assert {"#e69f00", "#56b4e9", "#009e73"} <= fills  # phrases have the colours of their masks
    name, content = saved(browser, "png")
    assert name == "mixed.png"
    with Image.open(BytesIO(content)) as picture:
        assert picture.width == pytest.approx(3 * float(drawing.get("width")), abs=1)
        # over the reference's cat: .55 * 120 + .45 * (230, 159, 0)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert any(
            all(abs(a - b) < 6 for a, b in zip(c, (170, 138, 66), strict=True)) for c in colours
        )
