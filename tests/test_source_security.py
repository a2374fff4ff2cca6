"""What the source must not hold: ways in which a file could run code, whoever wrote it.

Each law is a function from a parsed file to the places where it is broken; a twin test holds it
against a line that breaks it.
"""

import ast
from collections.abc import Iterator

import pytest
from support.fences import ROOT

PACKAGE = ROOT / "gcg_bench"
FILES = sorted(file.relative_to(ROOT).as_posix() for file in PACKAGE.rglob("*.py"))


def calls(text: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name of what is called."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def constant(call: ast.Call, name: str) -> object:
    """The constant that a keyword has, or the Ellipsis where it is none."""
    for keyword in call.keywords:
        if keyword.arg == name and isinstance(keyword.value, ast.Constant):
            return keyword.value.value
    return ...


def remote_code(text: str) -> Iterator[int]:
    """Models and tokenizers that may bring code of their own, or come from elsewhere."""
    for name, call in calls(text):
        if name.endswith((".from_pretrained", ".from_config")) and (
            constant(call, "trust_remote_code") is not False
            or constant(call, "local_files_only") is not True
        ):
            yield call.lineno


_PICKLES = ("pickle.", "marshal.", "shelve.", "dill.", "joblib.", "cloudpickle.")
_PICKLED = ("np.load", "numpy.load", "pd.read_pickle", "pandas.read_pickle")
_CODE = ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
_YAML = ("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all")


def unpickling(text: str) -> Iterator[int]:
    """Files whose reading may run what they say."""
    for name, call in calls(text):
        careless = name == "torch.load" and constant(call, "weights_only") is not True
        if careless or name.startswith(_PICKLES) or name in _PICKLED:
            yield call.lineno


def evaluating(text: str) -> Iterator[int]:
    """Text that becomes code, a command of a shell, or objects of Python's."""
    for name, call in calls(text):
        tagged = name == "yaml.load" and ast.unparse(call.args[1]) != "_PlainLoader"
        if tagged or name in (*_CODE, *_YAML) or constant(call, "shell") is True:
            yield call.lineno


LAWS = [remote_code, unpickling, evaluating]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_no_file_breaks_the_law(law):
    broken = [f"{file}:{line}" for file in FILES for line in law((ROOT / file).read_text("utf-8"))]
    assert broken == []


def test_there_is_something_to_look_at():
    named = [name for file in FILES for name, _ in calls((ROOT / file).read_text("utf-8"))]
    assert sum(name.endswith(".from_pretrained") for name in named) >= 2
    assert "torch.load" in named
    assert "yaml.load" in named


@pytest.mark.parametrize(
    ("law", "line"),
    [
        (remote_code, "AutoModel.from_pretrained(x, local_files_only=True)"),
        (remote_code, "AutoModel.from_pretrained(x, trust_remote_code=False)"),
        (remote_code, "M.from_pretrained(x, local_files_only=True, trust_remote_code=True)"),
        (remote_code, "M.from_pretrained(x, local_files_only=True, trust_remote_code=flag)"),
        (unpickling, "torch.load(x)"),
        (unpickling, "torch.load(x, weights_only=False)"),
        (unpickling, "pickle.loads(x)"),
        (unpickling, "np.load(x)"),
        (evaluating, "eval(x)"),
        (evaluating, "subprocess.run(x, shell=True)"),
        (evaluating, "yaml.load(x, yaml.Loader)"),
        (evaluating, "yaml.unsafe_load(x)"),
    ],
)
def test_a_line_that_breaks_the_law_is_noticed(law, line):
    assert list(law(line)) == [1]


@pytest.mark.parametrize(
    ("law", "line"),
    [
        (remote_code, "M.from_pretrained(x, local_files_only=True, trust_remote_code=False)"),
        (unpickling, "torch.load(x, weights_only=True)"),
        (evaluating, "yaml.load(x, _PlainLoader)"),
        (evaluating, "re.compile(x)"),
    ],
)
def test_a_line_that_keeps_the_law_is_left_alone(law, line):
    assert list(law(line)) == []
