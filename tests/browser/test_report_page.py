"""The report opened in a browser and used: pointed at, filtered, walked through, misused."""

import pytest
from support.pages import GREY, material
from support.report_pages import choose, images, opened, phrases, pixel, rows, toggle
from support.worlds import WIDTH

from gcg_bench.reporting.report import write_page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_page(material(images()), file)
    return file


def search(browser, words):
    field = browser.one("#search")
    field.clear()
    field.send_keys(words)
    browser.driver.implicitly_wait(0)
    for _ in range(8):  # the page waits for a pause in the typing
        browser.settle()


def test_worst_first(browser, page):
    browser.open(page)
    assert rows(browser) == ["failed", "mixed", "blank", "good"]
    assert opened(browser) == "failed"
    assert "CUDA ran out of memory" in browser.text(".failure")
    assert browser.text("#count") == "4 images"
    assert browser.text("h1") == "a model on a set"
    # 3 + 1 + 0 + 1 matched of 12 reference and 9 predicted phrases: F1 = 10 / 21
    assert browser.text(".tile:nth-of-type(3) dt") == "F1"
    assert browser.text(".tile:nth-of-type(3) .value") == "47.6"


def test_hovering_a_phrase_lights_its_partner(browser, page):
    browser.open(page, "#image=mixed")
    cat = phrases(browser, 1)[0]
    browser.hover(cat)
    lit = browser.all(".phrase.lit")
    assert [node.text for node in lit] == ["1A cat", "1A cat"]
    told = browser.text(".link")
    assert "matched" in told
    assert "IoU 0.60" in told
    assert "agreement 1.00" in told
    assert "confidence 0.75" in told
    assert len(browser.all(".reckoning tr.lit")) == 1
    browser.hover(browser.one("h1"))
    assert browser.all(".phrase.lit") == []


def test_focus_does_as_the_pointer_does(browser, page):
    browser.open(page, "#image=mixed")
    browser.run("arguments[0].focus()", phrases(browser, 0)[1])
    browser.settle()
    assert "wrong words" in browser.text(".link")
    assert "IoU 1.00" in browser.text(".link")
    assert [node.text for node in browser.all(".phrase.lit")] == [
        node.text for node in (phrases(browser, 0)[1], phrases(browser, 1)[1])
    ]


def test_a_click_keeps_a_phrase_lit(browser, page):
    browser.open(page, "#image=mixed")
    lamps = phrases(browser, 1)[1]
    browser.click(lamps)
    browser.hover(browser.one("h1"))
    assert lamps.get_attribute("aria-pressed") == "true"
    assert len(browser.all(".phrase.lit")) == 2
    from selenium.webdriver.common.keys import Keys

    browser.press(Keys.ESCAPE)
    assert browser.all(".phrase.lit") == []


def test_phrases_without_a_partner_look_different(browser, page):
    browser.open(page, "#image=mixed")
    (missed,) = phrases(browser, 0, ".apart")
    (hallucinated,) = phrases(browser, 1, ".apart")
    assert browser.run("return arguments[0].textContent", missed).endswith("a boat (missed)")
    assert browser.run("return arguments[0].textContent", hallucinated).endswith("(hallucinated)")

    def look(node):
        return browser.run(
            "const s = getComputedStyle(arguments[0]);"
            "return [s.borderTopStyle, s.borderBottomStyle, s.backgroundImage.slice(0, 9)]",
            node,
        )

    matched, near = phrases(browser, 1)[:2]
    looks = [look(matched), look(near), look(hallucinated)]
    assert looks[0][1] == "solid"
    assert looks[1][1] == "dashed"
    assert looks[2] == ["dotted", "dotted", "repeating"]
    assert look(missed) == looks[2]
    browser.hover(hallucinated)
    assert "hallucinated" in browser.text(".link")
    assert "closest" in browser.text(".link")


def test_pointing_at_a_mask_lights_its_phrase(browser, page):
    browser.open(page, "#image=mixed")
    canvas = browser.all(".stage canvas")[0]
    wide = canvas.size["width"]
    browser.hover(canvas, round((68 - WIDTH / 2) * wide / WIDTH), 0)
    assert "missed" in browser.text(".link")
    assert [node.text for node in browser.all(".phrase.lit")] == ["3a boat\n(missed)"]
    browser.hover(canvas, round((25 - WIDTH / 2) * wide / WIDTH), 0)
    assert browser.all(".phrase.lit") == []


def test_masks_are_drawn_where_they_are(browser, page):
    browser.open(page, "#image=good")
    toggle(browser, "outlines", "numbers")
    outside = pixel(browser, 0, 25, 30)
    assert outside == pytest.approx([GREY, GREY, GREY, 255], abs=3)
    # Okabe and Ito's orange and blue over grey, at .45: .55 * 120 + .45 * (230, 159, 0), ...
    assert pixel(browser, 0, 11, 30) == pytest.approx([170, 138, 66, 255], abs=4)
    assert pixel(browser, 1, 40, 30) == pytest.approx([105, 147, 171, 255], abs=4)
    toggle(browser, "masks")
    assert pixel(browser, 0, 11, 30) == pytest.approx(outside, abs=1)
    toggle(browser, "outlines")
    assert pixel(browser, 0, 11, 30) == pytest.approx(outside, abs=1)
    drawn = [pixel(browser, 0, x, 30) for x in (3.5, 4, 4.5)]
    assert any(abs(one[0] - GREY) > 40 for one in drawn)


def test_reference_can_be_hidden(browser, page):
    browser.open(page, "#image=good")
    before = browser.all(".stage canvas")[1].size["width"]
    toggle(browser, "reference")
    reference, prediction = browser.all(".stage canvas")
    assert not reference.is_displayed()
    assert prediction.size["width"] > before
    browser.press("r")
    assert browser.all(".stage canvas")[0].is_displayed()


def test_filters_and_sorting(browser, page):
    browser.open(page)
    choose(browser, "kind", "failed")
    assert rows(browser) == ["failed"]
    assert browser.text("#count") == "1 of 4 images"
    choose(browser, "kind", "none")
    assert rows(browser) == ["good"]
    assert opened(browser) == "good"
    choose(browser, "kind", "kind5")  # hallucinated
    assert rows(browser) == ["mixed", "blank"]
    choose(browser, "kind", "")
    choose(browser, "sort", "order")
    assert rows(browser) == ["good", "mixed", "failed", "blank"]
    browser.click(browser.one("#direction"))
    assert rows(browser) == ["blank", "failed", "mixed", "good"]
    choose(browser, "sort", "metric1")  # hallucination: lower is better
    assert rows(browser)[-1] == "good"
    choose(browser, "range", "0")
    browser.one("#low").send_keys("30")
    browser.one("#high").send_keys("60")
    for _ in range(4):
        browser.settle()
    assert sorted(rows(browser)) == ["blank", "mixed"]
    browser.click(browser.one("#reset"))
    assert rows(browser) == ["failed", "mixed", "blank", "good"]


def test_search_looks_at_captions_phrases_and_ids(browser, page):
    browser.open(page)
    search(browser, "RED shed")
    assert rows(browser) == ["mixed", "blank"]
    search(browser, "another caption")
    assert rows(browser) == ["mixed"]
    search(browser, "goo")
    assert rows(browser) == ["good"]
    search(browser, "no such thing")
    assert rows(browser) == []
    assert "No image is like that." in browser.text("#rail")


def test_keyboard_walks(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    browser.press("j")
    assert opened(browser) == "mixed"
    browser.press(Keys.ARROW_RIGHT, "j")
    assert opened(browser) == "good"
    browser.press("j")
    assert opened(browser) == "good"
    browser.press("k")
    assert opened(browser) == "blank"
    browser.press("/")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "search"
    browser.press("j")
    assert opened(browser) == "blank"
    browser.press(Keys.ESCAPE)
    for _ in range(8):  # Escape clears the field, and the page waits for a pause in the typing
        browser.settle()
    browser.run("document.getElementById('list').focus()")
    browser.press(Keys.HOME)
    assert opened(browser) == "failed"
    browser.press(Keys.ARROW_DOWN)
    assert opened(browser) == "mixed"
    listing = browser.one("#list")
    chosen = browser.one(f"#{listing.get_attribute('aria-activedescendant')}")
    assert chosen.get_attribute("aria-selected") == "true"
    browser.press("?")
    assert browser.run("return document.getElementById('help').open")


def test_every_image_has_a_link(browser, page):
    browser.open(page)
    browser.press("j")
    assert browser.driver.current_url.endswith("#image=mixed")
    browser.open(page, "#image=blank")
    assert opened(browser) == "blank"
    assert browser.one(".which a").get_attribute("href").endswith("#image=blank")
    browser.run("location.hash = '#image=good'")
    browser.settle()
    assert opened(browser) == "good"
    browser.open(page, "#image=%E0%A4%A")  # no text at all
    assert opened(browser) == "failed"


def test_blank_canvas_says_why(browser, page):
    browser.open(page, "#image=blank")
    note = browser.one(".stage .note")
    assert note.text == "No picture: masks on a blank canvas"
    assert note.get_attribute("title") == "/data/images/gone.jpg: no such image"
    assert "1 of 4 pictures are missing" in browser.text("#blank")
    toggle(browser, "outlines", "numbers")
    assert pixel(browser, 0, 25, 30)[3] == 0
    assert pixel(browser, 0, 11, 30)[3] > 60


def test_other_parts(browser, page):
    browser.open(page, "#mistakes")
    assert browser.one("#mistakes").is_displayed()
    assert not browser.one("#images").is_displayed()
    assert browser.one(".tabs [aria-current]").text == "Mistakes"
    browser.click(browser.one('[data-kind="wrong_words"]'))
    assert rows(browser) == ["mixed", "blank"]
    browser.click(browser.one('.tabs a[href="#plots"]'))
    points = browser.all("#plots [data-image]")
    assert len(points) == 9
    # points lie on each other, so the pointer would meet another one
    browser.run("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", points[0])
    browser.settle()
    assert opened(browser) == "good"
    browser.click(browser.one('.tabs a[href="#plots"]'))
    browser.click(browser.all('#plots [data-metric="0"]')[-1])
    assert rows(browser) == ["good"]
    browser.click(browser.one('.tabs a[href="#about"]'))
    assert "protocol:strict-2" in browser.text("#about")
    browser.click(browser.one("#show-failed"))
    assert rows(browser) == ["failed"]


def test_dark_and_light(browser, page):
    browser.open(page)

    def brightness():
        colour = browser.run("return getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(",")) / 3

    button = browser.one("#theme")
    browser.click(button)
    assert button.text == "Colours: light"
    assert brightness() > 200
    browser.click(button)
    assert brightness() < 60
    browser.click(button)
    assert button.text == "Colours: system"


def test_phone(browser, page):
    browser.open(page, "#image=mixed")
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for part in ("images", "mistakes", "plots", "about"):
            browser.run(f"location.hash = '#{part}'")
            browser.settle()
            assert browser.run("return document.documentElement.scrollWidth") == 390
        browser.run("location.hash = '#images'")
        browser.settle()
        assert not browser.one("#list").is_displayed()
        browser.click(browser.one("#show-list"))
        assert browser.one("#list").is_displayed()
        browser.click(browser.all("#rail .row")[-1])
        assert opened(browser) == "good"
        assert not browser.one("#list").is_displayed()
        reference, prediction = browser.all(".stage")
        assert prediction.location["y"] == reference.location["y"]
        assert prediction.location["x"] >= reference.location["x"] + reference.size["width"]
        words = browser.all(".says-all")
        bottom = max(said.location["y"] + said.size["height"] for said in words)
        top = browser.one("#images").location["y"]
        assert bottom - top < 844 - 46  # on one screen, under the tabs
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_has_a_name(browser, page):
    """Buttons, fields and pictures say what they are to those who cannot see them."""
    browser.open(page, "#image=mixed")
    unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, select, [role=button], canvas[role],"
        " svg[role]')].filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label')"
        " || (e.labels && e.labels.length))).map((e) => e.outerHTML.slice(0, 80))"
    )
    assert unnamed == []
    empty = (
        "return [...document.querySelectorAll('h1, h2, h3')].filter((e) => !e.textContent.trim())"
    )
    assert browser.run(empty) == []
