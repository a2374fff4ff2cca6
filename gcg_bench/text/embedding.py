"""Vectors of phrases: the mean of the last hidden state of a BERT-like model over all positions.

[CLS] and [SEP] count as positions, and phrases are truncated to 512 tokens. The published evaluator
pools in the same way. Each distinct string is embedded once and cached on disk, so that scoring the
same phrases again loads no model.

The rounding of a matrix product depends on its shape and on the processor. So there are two kinds
of vectors. `vectors` are computed in double precision, each string alone; a score that contains
similarities (gPQ, SQ) then has the same first twelve digits on all machines. `quick_vectors` are
computed in single precision in batches, at more than ten times the speed. They decide whether a
similarity reaches a threshold, unless the similarity is within `MARGIN` of the threshold.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.files.cache import Cache, digest
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.json import read_record
from gcg_bench.files.transformers_log import quiet_transformers
from gcg_bench.types import FloatArray

MARGIN = 2e-5
"""The largest difference between a similarity from quick vectors and from exact vectors.

Measured over 2,000 phrases: at most 3e-7. `Encoder.quick_vectors` checks the machine: the distance
of a quick vector from the exact one is at most 5e-6, so the error of a similarity is at most 1e-5.
"""

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
RECIPE = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
"""The files that determine a vector together with the weights."""

_POOLING = "mean of all positions, cut at 512, version 4"  # part of the cache keys
_MAX_TOKENS = 512
_BATCH = 2048  # the largest number of tokens in a batch
_OFF = 5e-6  # the largest distance of a quick vector from the vector, both of length 1

Vector = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Encoder:
    """A model on disk that maps strings to vectors; it is loaded only for strings not in the cache.

    Attributes:
        name: its name in signatures.
        digest: sha256 of the weights file, hexadecimal.
        folder: the folder with weights, configuration and tokenizer.
        device: the device that embeds new strings; it must support double precision.
    """

    name: str
    digest: str
    folder: Path
    device: str = "cpu"

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """The vectors of texts in double precision, in order, shape (n, d).

        Raises:
            BadData: the folder contains no model that can be loaded, or its weights do not have the
                digest.
            EnvironmentProblem: texts are not in the cache, and torch or transformers is missing.
        """
        return self._stored(texts, "<f8")

    def quick_vectors(self, texts: Sequence[str]) -> FloatArray:
        """The vectors of texts in single precision, in order, shape (n, d).

        A vector depends on the other texts by about 1e-6 of its length. On a machine with less
        exact single precision, the result is that of `vectors`.

        Raises:
            BadData, EnvironmentProblem: as `vectors`.
        """
        return self._stored(texts, "<f4")

    def _stored(self, texts: Sequence[str], kind: str) -> FloatArray:
        """Vectors of numpy's type `kind`, from the cache or computed."""
        cache, width = Cache("encoder"), self._width
        keys = {text: digest(self.recipe, kind, text) for text in texts}
        entries = cache.get_many(keys.values())
        missing = [text for text, key in keys.items() if key not in entries]
        for batch in self._embed(missing, kind) if missing else ():
            new = {keys[text]: vector.astype(kind).tobytes() for text, vector in batch.items()}
            cache.put_many(new)
            entries.update(new)
        joined = b"".join(entries[keys[text]] for text in texts)
        return np.frombuffer(joined, dtype=kind).astype(np.float64).reshape(-1, width)

    @cached_property
    def recipe(self) -> bytes:
        """A digest of everything that determines the vector of a string."""
        files = [self.folder / name for name in RECIPE]
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

    def _embed(self, texts: Sequence[str], kind: str) -> Iterator[Mapping[str, Vector]]:
        """The vectors of distinct texts by text, batch by batch.

        All texts of a batch have the same number of tokens.
        """
        tokenizer, model = self._loaded
        # tokenizers refuse a lone surrogate; it becomes "?", as for the Java programs
        valid = [text.encode("utf-8", "replace").decode() for text in texts]
        tokens = tokenizer(valid, truncation=True, max_length=_MAX_TOKENS, padding=False).input_ids
        longest = max(tokens, key=len)
        if kind == "<f4" and _is_exact(self._mean(model, [longest]), self._double(model, longest)):
            for batch in _batches([len(ids) for ids in tokens]):
                means = self._mean(model, [tokens[k] for k in batch])
                yield {texts[k]: mean for k, mean in zip(batch, means, strict=True)}
        else:
            for text, ids in zip(texts, tokens, strict=True):
                yield {text: self._double(model, ids)[0]}

    def _double(self, model: Any, ids: Sequence[int]) -> Vector:
        """The mean of one string in double precision, shape (1, d)."""
        with _in_double(model):
            return self._mean(model, [ids])

    def _mean(self, model: Any, ids: Sequence[Sequence[int]]) -> Vector:
        """The means over all positions of strings of one length, shape (n, d)."""
        import torch

        with torch.inference_mode():
            states = model(input_ids=torch.tensor(ids, device=self.device)).last_hidden_state
            mean: Vector = states.mean(1).cpu().numpy()
        return mean

    def _refuse_other_weights(self) -> None:
        """Raises BadData when the weights are not those of the digest."""
        weights = weights_of(self.folder)
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
        """The tokenizer and the model.

        Raises:
            EnvironmentProblem: a library that loads them is not installed.
        """
        try:
            import torch
            from safetensors import SafetensorError
            from transformers import AutoModel, AutoTokenizer
        except ModuleNotFoundError as error:
            raise EnvironmentProblem(
                f"{error.name} is not installed, and the cache does not hold the vectors of all"
                f" phrases with the encoder {self.name}. `pip install torch transformers` computes"
                " them here; the cache of another machine (GCG_BENCH_CACHE) can hold them"
            ) from error

        self._refuse_other_weights()
        try:
            with quiet_transformers():
                tokenizer = AutoTokenizer.from_pretrained(
                    self.folder, local_files_only=True, trust_remote_code=False
                )
                model, report = AutoModel.from_pretrained(
                    self.folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    weights_only=True,
                    dtype=torch.float32,
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


def weights_of(folder: Path) -> Path:
    """The weights file of a folder; if there is none, the last possible name."""
    files = [folder / name for name in WEIGHTS]
    return next((file for file in files if file.is_file()), files[-1])


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions of texts with the same length, as many as a batch can have."""
    positions: dict[int, list[int]] = {}
    for k, length in enumerate(lengths):
        positions.setdefault(length, []).append(k)
    for length in sorted(positions):
        size = max(1, _BATCH // max(1, length))
        for start in range(0, len(positions[length]), size):
            yield positions[length][start : start + size]


def _is_exact(single: Vector, double: Vector) -> bool:
    """Whether vectors in single precision are close enough to those in double precision."""
    ours, theirs = (v.astype(np.float64) / (np.linalg.norm(v) or 1.0) for v in (single, double))
    return bool(np.linalg.norm(ours - theirs) <= _OFF)


@contextmanager
def _in_double(model: Any) -> Iterator[None]:
    """Makes a model compute in double precision until the block ends.

    Each of its modules gets its weights in double precision only while it computes, and the same
    tensors as before afterwards, so that the memory holds the weights once.
    """
    import torch

    single: dict[Any, Any] = {}  # weight -> its data, of the module that computes

    def widen(module: Any, _: Any) -> None:
        for weight in module.parameters(recurse=False):
            single[weight] = weight.data
            weight.data = weight.data.double()

    def narrow(module: Any, _: Any, output: Any) -> Any:
        for weight in module.parameters(recurse=False):
            weight.data = single.pop(weight, weight.data)
        return output

    def wide_rows(_: Any, __: Any, output: Any) -> Any:
        return output.double()

    hooks = []
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            hooks.append(module.register_forward_hook(wide_rows))
        elif next(module.parameters(recurse=False), None) is not None:
            hooks.append(module.register_forward_pre_hook(widen))
            hooks.append(module.register_forward_hook(narrow, always_call=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
