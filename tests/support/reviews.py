"""A small annotation and files of decisions about it."""

import json
from dataclasses import replace

from support.annotations import annotation, scene

from gcg_bench.annotate.review.decisions import Decision
from gcg_bench.annotate.review.survey import content_of, survey

CAPTION = "A dog and a cat on a mat."
SCENE = scene("a", CAPTION, "A dog", "a cat", "a mat", scores=[0.9, 0.3, 0.6])


def decided(of, phrase, verdict, new_words=None, *, sampled=False):
    """A decision about a phrase of a scene, or with None about the image."""
    content = content_of(of, "")
    if phrase is None:
        return Decision(of.image_id, None, verdict, "a ball", content=content)
    tied = of.phrases[phrase]
    return Decision(
        of.image_id, phrase, verdict, tied.text, tied.span, new_words, sampled, content=content
    )


def written(folder, file, *decisions, reviewer="", sample=(0, 0), **more):
    """A file of decisions about an annotation; `more` replaces fields."""
    known = survey(folder)
    content = {
        "format": "gcg-bench review",
        "version": 2,
        "recipe": known.recipe,
        "result": known.digest,
        "reviewer": reviewer,
        "sample": {"size": sample[0], "seed": sample[1]},
        "decisions": [decision.as_json() for decision in decisions],
    }
    file.write_text(json.dumps(content | more), "utf-8")
    return file


def nine(tmp_path):
    """An annotation of three images with three phrases each."""
    return annotation(tmp_path / "out", *(replace(SCENE, image_id=name) for name in "abc"))
