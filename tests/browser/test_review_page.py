"""The page of a review: decisions with the keyboard alone, which `apply` then takes."""

import base64
import json
from dataclasses import replace

import pytest
from support.annotations import annotation, scene
from support.pages import GREY, grey

from gcg_bench.annotate.review.decisions import read_decisions
from gcg_bench.annotate.review.result import result_of, take
from gcg_bench.reporting.review_page import Chosen, write_review

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title=1\">"
UNSEEN = "a \u202ecat\u200b \ud83d"
CATCH = """
window.saved = [];
URL.createObjectURL = (blob) => { saved.push({blob}); return 'data:,'; };
HTMLAnchorElement.prototype.click = function () { saved[saved.length - 1].name = this.download; };
"""
TAKE = """
const done = arguments[0], last = saved.pop(), reader = new FileReader();
reader.onload = () => done([last.name, reader.result.split(',')[1]]);
reader.readAsDataURL(last.blob);
"""


@pytest.fixture
def made(tmp_path):
    """Two images with three phrases in all, and their page; the least certain is `a lamp`."""
    folder = annotation(
        tmp_path / "out",
        scene("a", "A dog and a cat.", "A dog", "a cat", scores=[0.9, 0.6], others=("a tree",)),
        scene("b", "Here is a lamp.", "a lamp", scores=[0.3]),
    )
    write(folder)
    return folder


def write(folder, **chosen):
    pictures = {image.id: grey(image.height, image.width) for image in folder.images}
    return write_review(folder, folder.folder / "review.html", pictures, Chosen(**chosen))


def opened(browser, folder):
    browser.open(folder.folder / "review.html")
    browser.run("localStorage.clear()")
    browser.open(folder.folder / "review.html")


def decisions(browser, tmp_path):
    """The file that D saves."""
    browser.run(CATCH)
    browser.press("d")
    name, content = browser.driver.execute_async_script(TAKE)
    assert name.endswith(".json")
    file = tmp_path / name
    file.write_bytes(base64.b64decode(content))
    return file


def test_decisions_by_keyboard_change_the_result(browser, made, tmp_path):
    from selenium.webdriver.common.keys import Keys

    opened(browser, made)
    assert browser.text("#words") == "a lamp"
    assert "random sample" in browser.text("#chips")
    assert "least certain" in browser.text("#chips")
    browser.press("a")
    assert browser.text("#words") == "a cat"
    assert browser.text("#status") == "a lamp: accepted."
    browser.press("r")
    browser.press("u")
    assert (browser.text("#words"), browser.text("#count")) == ("a cat", "1 of 3")
    browser.press("e")
    browser.press("two foxes")
    browser.press(Keys.ENTER)
    assert browser.text("#words") == "A dog"
    browser.press("m")
    browser.press("a tree")
    browser.press(Keys.ENTER)
    assert browser.text("#is-missing") == "Missing in this image: a tree"
    browser.press("w")
    assert browser.text("#status") == "A dog: wrong mask. All phrases of this view are decided."
    assert browser.text("#count-sample") == "3 of 3"
    file = decisions(browser, tmp_path)
    said = {(one.image, one.phrase): one.verdict for one in read_decisions(file).decisions}
    assert said == {
        ("b", 0): "accept",
        ("a", 1): "rename",
        ("a", None): "missing",
        ("a", 0): "wrong_mask",
    }
    assert take(made, [file]) == 1
    result = result_of(made)
    first, second = result.scenes()
    assert first.caption == "A dog and two foxes."
    assert [(phrase.text, phrase.span) for phrase in first.phrases] == [("two foxes", (10, 19))]
    assert second == list(made.scenes())[1]
    assert (result.measures.sampled_decided, result.measures.accepted) == (3, 1)
    assert result.references == "reviewed"


def test_a_decision_is_withdrawn_with_one_key(browser, made, tmp_path):
    opened(browser, made)
    for key in "aaa":
        browser.press(key)
    assert browser.text("#count") == "3 of 3"
    first = decisions(browser, tmp_path).rename(tmp_path / "first.json")
    take(made, [first])
    assert result_of(made).measures.accepted == 3
    # a new page, on which nobody has decided anything
    opened(browser, made)
    browser.press("n")
    browser.press("x")
    assert browser.text("#status") == "a cat: withdrawn."
    assert browser.text("#words") == "a cat"
    assert "withdrawn" in browser.text("#chips")
    assert (browser.text("#count"), browser.text("#count-sample")) == ("0 of 3", "0 of 3")
    browser.press("n")
    browser.press("x")
    browser.press("u")
    assert browser.text("#status") == "Undone."
    assert "withdrawn" not in browser.text("#chips")
    browser.press("p")
    browser.press("p")
    browser.press("a")  # the next undecided phrase is the one that was withdrawn
    assert browser.text("#words") == "a cat"
    file = decisions(browser, tmp_path)
    assert [one.verdict for one in read_decisions(file).decisions] == ["withdrawn", "accept"]
    take(made, [file])
    measures = result_of(made).measures
    assert (measures.accepted, measures.sampled_decided, measures.sampled) == (2, 2, 3)
    # what nobody misses any more is withdrawn too
    browser.press("m")
    browser.one("#nothing").click()
    assert browser.text("#is-missing") == ""
    said = read_decisions(decisions(browser, tmp_path)).decisions[-1]
    assert (said.phrase, said.verdict) == (None, "withdrawn")


def test_decisions_outlive_the_page_and_are_loaded(browser, made, tmp_path):
    opened(browser, made)
    browser.press("a")
    browser.press("r")
    file = decisions(browser, tmp_path)
    browser.open(made.folder / "review.html")
    assert browser.text("#count") == "2 of 3"
    opened(browser, made)
    assert browser.text("#count") == "0 of 3"
    browser.one("#file").send_keys(str(file))
    for _ in range(20):
        browser.settle()
        if browser.text("#status"):
            break
    assert browser.text("#status") == "Loaded 2 decisions."
    assert browser.text("#count") == "2 of 3"
    assert browser.one("[data-verdict=accept]").get_attribute("aria-pressed") == "true"
    # of another state of the annotation, in which the image of the second decision was another
    other = json.loads(file.read_text("utf-8")) | {"result": "another"}
    first, second = other["decisions"]
    second["content"] = "another"
    file.write_text(json.dumps(other), "utf-8")
    browser.one("#file").send_keys(str(file))
    for _ in range(20):
        browser.settle()
        if "left out" in browser.text("#status"):
            break
    assert browser.text("#status").startswith("Loaded 1 decisions. 1 are left out: the picture,")
    first["content"] = "another"
    file.write_text(json.dumps(other), "utf-8")
    browser.one("#file").send_keys(str(file))
    for _ in range(20):
        browser.settle()
        if "another" in browser.text("#status"):
            break
    assert "another annotation" in browser.text("#status")
    assert browser.text("#count") == "2 of 3"


def test_moving_views_and_help(browser, made):
    from selenium.webdriver.common.keys import Keys

    write(made, sample=1, uncertain=2)
    opened(browser, made)
    sampled = len(
        browser.run("return JSON.parse(document.getElementById('review').textContent).items")
    )
    browser.press("n")
    assert browser.text("#place").startswith(f"Phrase 2 of {sampled}")
    browser.press(Keys.ARROW_LEFT)
    browser.press("p")
    assert browser.text("#status") == "This is the first phrase."
    browser.press("v")
    assert browser.text("#place").startswith("Phrase 1 of 1")
    browser.press("a")
    assert browser.text("#count-sample") == "1 of 1"
    browser.press("v")
    browser.press("j")
    assert browser.text("#place").startswith("Phrase ")
    browser.press("?")
    assert browser.run("return document.getElementById('help').open")
    browser.press("r")  # no verdict while the help is open
    browser.press(Keys.ESCAPE)
    assert browser.text("#count").startswith("1 of")
    # a letter that is typed in a field is no key
    browser.run("document.getElementById('reviewer').focus()")
    browser.press("ara")
    assert browser.text("#count").startswith("1 of")


def test_all_that_can_be_done_is_reached_with_tab_and_seen_then(browser, made):
    from selenium.webdriver.common.keys import Keys

    opened(browser, made)
    browser.press("a")  # so that there is something to undo
    reached = set()
    for _ in range(23):
        browser.press(Keys.TAB)
        if browser.run("return document.activeElement === document.body"):
            break
        reached.add(
            browser.run(
                "return document.activeElement.id || document.activeElement.dataset.verdict"
            )
        )
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        assert browser.run(outline) != "none"
    wanted = {"accept", "reject", "rename", "wrong_mask", "previous", "next", "jump", "undo"}
    wanted |= {"withdraw"}
    assert reached >= wanted | {"miss", "hide", "others", "view", "reviewer", "save", "load"}


def test_masks_and_other_objects_are_drawn(browser, made):
    opened(browser, made)
    browser.press("n")  # a cat, the second object of its image
    at = (
        "const c = document.getElementById('canvas'), copy = document.createElement('canvas');"
        "copy.width = c.width; copy.height = c.height;"
        "const pen = copy.getContext('2d', {willReadFrequently: true}); pen.drawImage(c, 0, 0);"
        "const k = c.width / 80; return arguments[0].map(([x, y]) =>"
        " [...pen.getImageData(Math.round(x * k), Math.round(y * k), 1, 1).data].slice(0, 3));"
    )
    cat, dog, tree, ground = [17.5, 7], [11, 12], [24, 10], [60, 50]
    seen = browser.run(at, [cat, dog, ground])
    grey_ = [GREY] * 3
    assert all(abs(a - b) <= 3 for a, b in zip(seen[2], grey_, strict=True))
    assert seen[0][2] > seen[0][0] + 40  # the second colour is blue
    assert all(abs(a - b) <= 12 for a, b in zip(seen[1], grey_, strict=True))  # outlined alone
    before = browser.run(at, [tree])
    browser.press("o")
    assert browser.run(at, [tree]) != before
    browser.press("o")
    browser.press("h")
    assert all(abs(a - b) <= 3 for a, b in zip(browser.run(at, [cat])[0], grey_, strict=True))


def test_hostile_words_are_text(browser, tmp_path):
    evil = scene(HOSTILE, f"{HOSTILE} and {UNSEEN}.", HOSTILE, UNSEEN, scores=[0.2, 0.4])
    folder = annotation(tmp_path / "out", replace(evil, notes=(HOSTILE,)))
    write_review(folder, tmp_path / "out" / "review.html", {}, Chosen())
    opened(browser, folder)
    assert browser.driver.title == "Review of out"
    assert browser.text("#words") == HOSTILE
    assert HOSTILE in browser.text("#place")
    assert browser.run("return document.images.length") == 0
    assert "the images are not given" in browser.text("#why")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.press("a")
    assert browser.text("#words") == r"a \u202ecat\u200b \ud83d"
    browser.press("a")
    # characters that the page spells out are in the decisions as they are
    file = decisions(browser, tmp_path)
    assert [one.words for one in read_decisions(file).decisions] == [HOSTILE, UNSEEN]
    assert take(folder, [file]) == 1
    assert browser.driver.title == "Review of out"


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone(browser, made, width):
    opened(browser, made)
    browser.driver.set_window_size(width, 900)
    browser.settle()
    browser.press("e")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    tall = "return document.querySelector('#words').getBoundingClientRect().bottom < innerHeight"
    assert browser.run(tall)
