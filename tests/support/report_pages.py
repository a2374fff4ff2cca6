"""A report of four small images in a browser: the images, and what a reader does and sees."""

from support.pages import laid, nowhere
from support.worlds import WIDTH, block, phrase

from gcg_bench.types import SILENCE, Grounding

# left, in the middle, right: apart from each other on the small canvas
LEFT, MIDDLE, RIGHT = block(20, 4, 20, 16), block(20, 32, 20, 16), block(20, 60, 20, 16)
RED_SHED = "a red shed"


def images():
    truth = Grounding(
        "A cat, a dog and a boat.",
        (phrase("A cat", LEFT), phrase("a dog", MIDDLE), phrase("a boat", RIGHT)),
    )
    # the cat is matched (IoU 12/20), the dog's mask has other words, the boat is missed,
    # and a shed is nowhere in the reference
    worst = Grounding(
        "A cat and two lamps by a red shed.",
        (
            phrase("A cat", block(20, 8, 20, 16), score=0.75),
            phrase("two lamps", MIDDLE),
            phrase(RED_SHED, block(50, 0, 8, 8)),
        ),
    )
    return [
        laid("good", truth, truth),
        laid("mixed", truth, worst, "Another caption.", raw="<p>A cat</p> [SEG]", seconds=2.5),
        laid("failed", truth, SILENCE, error="CUDA ran out of memory"),
        laid("blank", truth, worst, picture=nowhere()),
    ]


def rows(browser):
    return [row.text.split("\n")[0] for row in browser.all("#rail .row")]


def opened(browser):
    return browser.text(".which h2")


def choose(browser, field, value):
    browser.run(
        "const f = document.getElementById(arguments[0]); f.value = arguments[1];"
        "f.dispatchEvent(new Event('change'))",
        field,
        value,
    )
    browser.settle()


def pixels(browser, side, places):
    """The colours (r, g, b, a) drawn at pixels (x, y) of the image, read from a copy."""
    return browser.run(
        "const c = document.querySelectorAll('.stage canvas')[arguments[0]];"
        "const s = c.width / arguments[2], copy = document.createElement('canvas');"
        "copy.width = c.width; copy.height = c.height;"
        "const pen = copy.getContext('2d', {willReadFrequently: true}); pen.drawImage(c, 0, 0);"
        "return arguments[1].map(([x, y]) =>"
        " [...pen.getImageData((x + .5) * s, (y + .5) * s, 1, 1).data])",
        side,
        places,
        WIDTH,
    )


def pixel(browser, side, x, y):
    return pixels(browser, side, [(x, y)])[0]


def toggle(browser, *names):
    for name in names:
        browser.click(browser.one(f"#toggle-{name}"))


def phrases(browser, side, state=""):
    """The phrases of a side in the captions of the open image."""
    return browser.all(f".says-all.of{side} .phrase{state}")
