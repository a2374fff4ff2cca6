"""The recipes of workers: files for environments of other models, which are not run here.

They must compile in an old Python, import nothing but what stands beside them before `load`, and
say what they need. What they share, and what they do without their models, is tested.
"""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.fences import ROOT

from gcg_bench.execution import worker_files

FOLDER = ROOT / "examples/workers"
WORKERS = [
    FOLDER / f"{name}_worker.py"
    for name in ("geopixel", "glamm", "lisa", "omg_llava", "sa2va", "x_sam")
]
OLDEST = (3, 8)
QUERY = {"prompt": "", "expression": None, "regions": [], "task": "gcg", "height": 4, "width": 6}


def loaded(monkeypatch, name):
    """A recipe as a module, beside a helper that serves nothing."""
    helper = ModuleType("gcg_bench_worker")
    helper.serve = lambda *given, **options: None
    monkeypatch.setitem(sys.modules, "gcg_bench_worker", helper)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "tagged_text", raising=False)
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recipes_of_the_readme():
    table = (FOLDER / "README.md").read_text("utf-8")
    for file in WORKERS:
        assert f"| `{file.name}` |" in table


@pytest.mark.parametrize("file", [*WORKERS, FOLDER / "tagged_text.py"], ids=lambda file: file.stem)
def test_a_file_for_an_old_python(file):
    tree = ast.parse(file.read_text("utf-8"), feature_version=OLDEST)
    roots = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add(node.module.partition(".")[0])
    assert roots <= {"gcg_bench_worker", "tagged_text", *sys.stdlib_module_names}
    newer = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if getattr(node.func, "id", "") == "zip" and keyword.arg == "strict"
    ]
    assert newer == []


@pytest.mark.parametrize("file", WORKERS, ids=lambda file: file.stem)
def test_a_recipe_says_what_it_is_and_needs(file):
    text = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    for words in ("Not run here", "Source: github.com/", "Weights:", "Environment", "transformers"):
        assert words in text
    assert re.search(rf"ENV/bin/python \S*{file.name}'", text)
    assert "--model 'cmd:" in text


# --- tagged texts ---------------------------------------------------------------------------------


@pytest.fixture
def read(monkeypatch):
    return loaded(monkeypatch, "tagged_text").read


@pytest.mark.parametrize(
    ("text", "caption", "phrases"),
    [
        (
            "<p> A man </p> [SEG] rides <p> a horse </p> [SEG].",
            "A man rides a horse .",
            [("A man", [0, 5], [0]), ("a horse", [12, 19], [1])],
        ),
        ("A man.", "A man.", []),
        ("", "", []),
        # several masks of a phrase, a phrase without one, a mask inside of its phrase
        (
            "<p>Two men</p> [SEG] [SEG] and <p>a dog</p> near <p>a [SEG]cat</p>",
            "Two men and a dog near a cat",
            [("Two men", [0, 7], [0, 1]), ("a dog", [12, 17], []), ("a cat", [23, 28], [2])],
        ),
        # masks that belong to no phrase
        (
            "[SEG] <p>A man</p> walks [SEG] here",
            "A man walks here",
            [(None, None, [0]), ("A man", [0, 5], []), (None, None, [1])],
        ),
        # tags that the model left out
        ("<p>A man [SEG] and a dog", "A man and a dog", [("A man and a dog", [0, 15], [0])]),
        ("A man</p> [SEG]", "A man", [(None, None, [0])]),
        # a [SEG] without a mask, other marks, white space
        (
            "<s> <p> A\n man </p> [SEG][SEG][SEG][SEG] </s>",
            "A man",
            [("A man", [0, 5], [0, 1, 2])],
        ),
        ("<p></p> [SEG]", "", [("", None, [0])]),
        ("< 5 and 2 <p>a</p>", "< 5 and 2 a", [("a", [10, 11], [])]),
    ],
)
def test_tagged_texts(read, text, caption, phrases):
    answer = read(text, [0, 1, 2])
    assert answer["caption"] == caption
    assert answer["raw"] == text
    found = [(one["text"], one.get("span"), one["masks"]) for one in answer["phrases"]]
    assert found == phrases
    for words, span, _ in found:
        assert span is None or caption[slice(*span)] == words


# --- what recipes do without their models ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("glamm_worker", "Can you segment the red box in this image?"),
        ("sa2va_worker", "Please segment Red box."),
        ("lisa_worker", "What is red box in this image? Please output segmentation mask."),
        ("omg_llava_worker", "Can you segment red box in this image?"),
        ("geopixel_worker", "Please give me a segmentation mask for Red box."),
    ],
)
def test_what_is_asked(monkeypatch, name, question):
    module = loaded(monkeypatch, name)
    assert module.instruction({**QUERY, "expression": " Red box "}) == question
    prompted = {**QUERY, "expression": "x", "prompt": "Mark x."}
    assert module.instruction(prompted) == "Mark x."
    if name == "lisa_worker":
        with pytest.raises(ValueError, match="writes no phrases"):
            module.instruction({**QUERY, "prompt": "Describe."})
    else:
        assert module.instruction({**QUERY, "prompt": "Describe."}) == "Describe."
        with pytest.raises(ValueError, match="no regions"):
            module.instruction({**QUERY, "regions": [[0, 0, 2, 2]]})


def test_x_sam_gives_each_phrase_its_label(monkeypatch):
    module = loaded(monkeypatch, "x_sam_worker")
    labels = np.full((4, 6), 255)
    labels[:2] = 1
    labels[2:, :3] = 2
    segments = [
        {"id": 1, "category_id": 0, "score": 0.75},
        {"id": 2, "category_id": 1, "score": 0.5},
        {"id": 3, "category_id": 2, "score": 0.25},  # all of its pixels have a later label
    ]
    text = "<p>A man</p><SEG> and <p>a dog</p><SEG> and <p>a cat</p><SEG>."
    answer = module.grounded(text, labels, segments)
    assert answer["caption"] == "A man and a dog and a cat."
    man, dog, cat = answer["phrases"]
    assert (man["text"], man["span"], man["score"]) == ("A man", [0, 5], 0.75)
    assert (man["masks"][0] == (labels == 1)).all()
    assert (dog["masks"][0] == (labels == 2)).all()
    assert (cat["masks"], cat["score"]) == ([], 0.25)
    assert answer["raw"] == text
    recorder = module.Recorder()
    drawn = recorder.draw_predictions(None, data_name="x", phrases=[], segmentation=labels)
    assert drawn.get_image() is None
    assert recorder.labels is labels


def test_sa2va_pairs_masks_with_phrases(monkeypatch):
    module = loaded(monkeypatch, "sa2va_worker")
    mask = np.ones((1, 4, 6), bool)
    asked = []

    class Network:
        def cuda(self):
            return self

        def predict_forward(self, **given):
            asked.append(given)
            return {"prediction": "<p>A box</p> [SEG].", "prediction_masks": [mask]}

    def auto(made):
        return SimpleNamespace(from_pretrained=lambda *given, **options: made)

    Network.eval = Network.cuda
    fake = ModuleType("transformers")
    fake.AutoModel, fake.AutoTokenizer, fake.AutoProcessor = auto(Network()), auto("t"), auto("p")
    monkeypatch.setitem(sys.modules, "transformers", fake)

    class Query(dict):
        def pixels(self):
            return np.zeros((4, 6, 3), np.uint8)

    for checkpoint, processor in (
        ("ByteDance/Sa2VA-4B", None),
        ("ByteDance/Sa2VA-Qwen3-VL-4B", "p"),
    ):
        answer = module.load(checkpoint)(Query(QUERY, prompt="Describe."))
        assert answer["caption"] == "A box ."
        (phrase,) = answer["phrases"]
        assert (phrase["text"], phrase["span"], len(phrase["masks"])) == ("A box", [0, 5], 1)
        assert phrase["masks"][0].shape == (4, 6)
        assert asked[-1]["text"] == "<image>\nDescribe."
        assert (asked[-1]["tokenizer"], asked[-1]["processor"]) == ("t", processor)
        assert asked[-1]["image"].size == (6, 4)


FAKE = """
class AutoModel:
    @classmethod
    def from_pretrained(cls, *given, **options):
        print("a model that prints")
        return cls()

    def eval(self):
        return self

    cuda = eval

    def predict_forward(self, image, text, **rest):
        import numpy
        mask = numpy.zeros((1, image.size[1], image.size[0]), bool)
        mask[0, 1, :2] = True
        return {"prediction": "<p>A box</p> [SEG].", "prediction_masks": [mask]}


class AutoTokenizer(AutoModel):
    pass


class AutoProcessor(AutoModel):
    pass
"""


def test_a_recipe_with_the_helper(tmp_path):
    """The real helper answers from a file; a model that prints does not disturb it."""
    helper = Path(worker_files.__file__).parent / "gcg_bench_worker.py"
    for file in (FOLDER / "sa2va_worker.py", FOLDER / "tagged_text.py", helper):
        shutil.copy(file, tmp_path)
    (tmp_path / "transformers.py").write_text(FAKE)
    (tmp_path / "torch.py").write_text("bfloat16 = None")
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    query = {**QUERY, "id": "a", "image": str(tmp_path / "a.png"), "height": 3, "width": 4}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "sa2va_worker.py")],
        input=json.dumps(query) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = map(json.loads, done.stdout.splitlines())
    assert (line["id"], line["caption"], line["raw"]) == ("a", "A box .", "<p>A box</p> [SEG].")
    (phrase,) = line["phrases"]
    assert (phrase["text"], phrase["span"]) == ("A box", [0, 5])
    # columns of three pixels, of which the first two have their second pixel
    assert phrase["masks"] == [{"size": [3, 4], "counts": [1, 1, 2, 1, 7]}]
    assert "a model that prints" in done.stderr
