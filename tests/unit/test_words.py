"""Caption length, by counting."""

from support.captioned import scores

from gcg_bench.metrics.words import Words

WORLD = [(["any thing"], "a dog runs fast"), (["any thing"], ""), (["any thing"], "dogs")]


def test_mean_number_of_words():
    assert scores(Words(), WORLD) == {"Words": 5 / 3}
    assert scores(Words(), WORLD, [2, 1, 0]) == {"Words": 8 / 3}


def test_no_images_have_no_words():
    assert scores(Words(), []) == {"Words": 0.0}
    assert scores(Words(), WORLD, [0, 0, 0]) == {"Words": 0.0}
