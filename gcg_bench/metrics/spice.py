"""SPICE of captions, optional: F-measure of objects, attributes and relations from a parser.

Captions are parsed into tuples (object; object, attribute; object, relation, object). The score of
an image is the F-measure of the tuples. Source: Anderson et al. 2016; their program, which is part
of pycocoevalcap, computes the score.

The program needs two files of Stanford CoreNLP 3.6.0 (384 MB). gcg-bench does not download them;
when they are missing, the error message explains where to get them. Parsing takes minutes and up to
8 GB of memory. The program was written for Java 8: if it fails with a newer Java, name a Java 8 in
GCG_BENCH_JAVA. No other metric needs it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.cache import cache_folder
from gcg_bench.metrics import ratio
from gcg_bench.text import java
from gcg_bench.types import FloatArray, Metric, Pair, Row, Rows, ScoreSpec

Captions = tuple[tuple[str, ...], str]

_ARCHIVE = "https://nlp.stanford.edu/software/stanford-corenlp-full-2015-12-09.zip"
_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")


_CITATION = r"""@inproceedings{anderson2016spice,
  title = {{SPICE}: Semantic Propositional Image Caption Evaluation},
  author = {Anderson, Peter and Fernando, Basura and Johnson, Mark and Gould, Stephen},
  booktitle = {European Conference on Computer Vision (ECCV)},
  pages = {382--398},
  year = {2016}
}"""


@dataclass(frozen=True)
class SPICE(Metric):
    """Mean F-measure of scene-graph tuples.

    Row: the F-measure of the image.
    """

    name: ClassVar[str] = "spice"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec("SPICE"),)
    columns: ClassVar[tuple[str, ...]] = ("spice",)
    needs: ClassVar[frozenset[str]] = frozenset({"tokens"})
    fits_each_alone: ClassVar[bool] = True
    citation: ClassVar[tuple[str, ...]] = (_CITATION,)

    def fit(self, pairs: Sequence[Pair]) -> Mapping[Captions, float]:
        """The captions of each image -> its score, from one call to the program.

        Raises:
            EnvironmentProblem: the models or Java are missing, or the program fails.
        """
        captions = list(dict.fromkeys(map(_captions, pairs)))
        return dict(zip(captions, _scored(captions), strict=True)) if captions else {}

    def measure(self, pair: Pair, fitted: Mapping[Captions, float]) -> Row:
        return {"spice": fitted[_captions(pair)]}

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        return {"SPICE": ratio(weights @ np.asarray(rows.columns["spice"]), weights.sum(axis=1))}


def _captions(pair: Pair) -> Captions:
    return pair.references, pair.hypothesis


def _scored(captions: Sequence[Captions]) -> list[float]:
    """The F-measure of all tuples for each caption, from the program."""
    program = java.package_folder() / "spice"
    parts = [program / "spice-1.0.jar", program / "lib" / "*", *_models(program / "lib")]
    asked = [
        {"image_id": k, "test": hypothesis, "refs": references}
        for k, (references, hypothesis) in enumerate(captions)
    ]
    with TemporaryDirectory(prefix="gcg-bench-spice-") as folder:
        question, answer = Path(folder) / "captions.json", Path(folder) / "scores.json"
        question.write_text(json.dumps(asked), encoding="utf-8")
        classes = os.pathsep.join(map(str, parts))
        start = ("-Xmx8G", "-cp", classes, "edu.anu.spice.SpiceScorer")
        java.run_java(
            (*start, str(question), "-out", str(answer), "-silent"),
            what="SPICE (written for Java 8)",
            timeout=600 + 2.0 * len(captions),
        )
        output = answer.read_bytes() if answer.is_file() else b""
    return _read(output, len(captions))


def _models(carried: Path) -> list[Path]:
    """The two files of Stanford CoreNLP, from the cache folder or the folder of the program."""
    own = cache_folder() / "spice"
    for folder in (own, carried):
        files = [folder / name for name in _MODELS]
        if all(file.is_file() for file in files):
            return files
    raise EnvironmentProblem(
        f"SPICE needs {' and '.join(_MODELS)}, which gcg-bench does not download. Take them out of"
        f" {_ARCHIVE} (384 MB) and put both into {own}; or leave SPICE out"
    )


def _read(output: bytes, expected: int) -> list[float]:
    try:
        items: list[dict[str, Any]] = json.loads(output)
        scores = {int(item["image_id"]): float(item["scores"]["All"]["f"]) for item in items}
        return [scores[k] for k in range(expected)]
    except (ValueError, TypeError, KeyError) as error:
        raise EnvironmentProblem(
            f"SPICE did not write a score for each of {expected} captions ({error!r}). Name a Java"
            " 8 in GCG_BENCH_JAVA, or leave SPICE out"
        ) from error
