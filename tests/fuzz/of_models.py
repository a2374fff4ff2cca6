"""Fuzz targets of checkpoints and replies: sizes, vocabularies, weight tables, answers, boxes."""

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fuzz.mutations import document, scrambled
from fuzz.target import Target

from gcg_bench.adapters.glamm_tiny import FOLDER
from gcg_bench.files import checkpoints

NAMES = (
    "vision", "grounding", "region", "vision_config", "hidden_size", "num_attention_heads",
    "image_size", "patch_size", "global_layers", "levels", "groups", "rope_scaling",
    "mm_vision_select_layer", "mm_vision_tower", "vision_tower", "out_dim",
    "num_level_reg_features", "with_region", "added_tokens_decoder", "content", "[SEG]", "<p>",
    "</p>", "weight_map", "dtype", "shape", "data_offsets", "vocab_size",
)  # fmt: skip


@cache
def _config() -> Any:
    return json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))


def make_config(rng: Random) -> tuple[bytes, bool]:
    """A config.json, and whether it is that of CLIP."""
    published = {
        "model_type": "llava",
        "vocab_size": 32007,
        "mm_vision_select_layer": -2,
        "out_dim": 256,
    }
    clip = {"vision_config": _config()["vision"]}
    is_clip = rng.random() < 0.2
    tree = clip if is_clip else rng.choice((_config(), _config(), published))
    return document(rng, tree, NAMES), is_clip


def read_config(given: tuple[bytes, bool], folder: Path) -> None:
    """Sizes that fit together; written and read again, they are equal."""
    from gcg_bench.glamm.configuration import GlammConfig, clip_config
    from gcg_bench.glamm.weights import read_json

    data, is_clip = given
    (folder / "config.json").write_bytes(data)
    settings = read_json(folder / "config.json")
    if is_clip:
        GlammConfig(vision=clip_config(settings), region=None)
        return
    config = GlammConfig.parse(settings)
    assert config.vision.tokens > 0
    assert config.grounding.mask_size > 0
    assert GlammConfig.parse(json.loads(json.dumps(config.to_json()))) == config


# Vocabularies ---------------------------------------------------------------------------------


@cache
def _vocabulary() -> tuple[bytes, Any]:
    added = json.loads((FOLDER / "added_tokens.json").read_text(encoding="utf-8"))
    return (FOLDER / "tokenizer.model").read_bytes(), added


def make_vocabulary(rng: Random) -> dict[str, bytes]:
    """The files of a vocabulary, one of them changed."""
    model, added = _vocabulary()
    newer = {str(number): {"content": token} for token, number in added.items()}
    files = {"tokenizer.model": model, "added_tokens.json": json.dumps(added).encode()}
    kind = rng.randrange(3)
    if kind == 0:
        files["tokenizer.model"] = scrambled(rng, model)
    elif kind == 1:
        files["added_tokens.json"] = document(rng, added, NAMES)
    else:
        del files["added_tokens.json"]
        files["tokenizer_config.json"] = document(rng, {"added_tokens_decoder": newer}, NAMES)
    return files


def read_vocabulary(files: dict[str, bytes], folder: Path) -> None:
    """A vocabulary whose ids are below its size and can be decoded."""
    from gcg_bench.glamm.tokens import Tokenizer

    for name in ("tokenizer.model", "added_tokens.json", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    tokenizer = Tokenizer.load(folder)
    ids = tokenizer.encode_prompt("USER: <image> a <p> cat </p> [SEG] ASSISTANT: ")
    assert all(number < tokenizer.vocabulary for number in ids)
    tokenizer.decode(ids)


# Replies -------------------------------------------------------------------------------------


@cache
def _tokenizer() -> Any:
    from gcg_bench.glamm.tokens import Tokenizer

    return Tokenizer.load(FOLDER)


_SAID = (
    "<p>", "</p>", "[SEG]", "<p> a cat </p> [SEG]", "a red circle", " ", "\n", "ASSISTANT: ", "<",
    ">", "</", "[SEG][SEG]", "'", '"', "<p></p>", "<im_start>", "<bbox>", "é", "\u2028", "<p",
    "</p", "</s>", "<unk>",
)  # fmt: skip


def make_reply(rng: Random) -> tuple[list[int], list[int], list[float]]:
    """Token ids of a prompt and of a reply, and the reply's probabilities."""
    tokenizer = _tokenizer()
    words = "".join(rng.choice(_SAID) for _ in range(rng.randrange(12)))
    reply = tokenizer.encode(words)
    for _ in range(rng.choice((0, 0, 1, 5))):
        reply.insert(rng.randrange(len(reply) + 1), rng.randrange(tokenizer.vocabulary))
    prompt = tokenizer.encode_prompt(
        rng.choice(("<image> what? ASSISTANT:", "", "<p>x</p> [SEG] <image>"))
    )
    chances = [rng.random() for _ in range(len(reply) - rng.randrange(2))]
    return prompt, reply, chances if rng.random() < 0.7 else []


def read_reply(given: tuple[list[int], list[int], list[float]], folder: Path) -> None:
    """Phrases inside the caption; each mask of the reply belongs to one phrase or is unassigned."""
    from gcg_bench.glamm.answers import read_answer

    del folder
    prompt, reply, chances = given
    tokenizer = _tokenizer()
    answer = read_answer(tokenizer, prompt, reply, chances)
    owned = [mask for phrase in answer.phrases for mask in phrase.masks]
    every = [*owned, *answer.unassigned]
    masks = sum(token == tokenizer.seg for token in (*prompt, *reply))
    assert len(set(every)) == len(every)
    assert all(0 <= mask < masks for mask in every)
    for phrase in answer.phrases:
        start, end = phrase.span
        assert 0 <= start <= end <= len(answer.caption)
        assert answer.caption[start:end] == phrase.text
        assert phrase.probability is None or 0 <= phrase.probability <= 1


_WRITTEN = (
    '{"caption": "A dog.", "phrases": [{"text": "A dog", "boxes": [[1, 2, 300, 400]]}]}',
    '```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "a"}, {"point_2d": [5, 6], "label": "b"}]\n```',
    "<ref>A dog</ref><box>[[1, 2, 3, 4], [5, 6, 7, 8]]</box> on <ref>grass</ref>.",
    "<|ref|>A dog<|/ref|><|det|>[[1, 2, 999, 4]]<|/det|> and <p> a cat </p> [SEG]",
    '<points coords="1 1 073 160 2 173 600" alt="dogs">two dogs</points>',
)


def make_written(rng: Random) -> tuple[bytes, bool]:
    """The text of a model that writes boxes, damaged, and whether it was cut off."""
    text = "".join(rng.choice(_WRITTEN) for _ in range(rng.choice((1, 1, 1, 2, 30)))).encode()
    cut = rng.random() < 0.4
    return scrambled(rng, text[: rng.randrange(len(text))] if cut else text), cut


def read_written(given: tuple[bytes, bool], folder: Path) -> None:
    """Phrases with spans in the caption, and boxes inside the image in every unit."""
    from gcg_bench.grounding.boxes import UNITS, Frame, points_to_pixels, to_pixels
    from gcg_bench.grounding.dialects import parse

    del folder
    data, cut = given
    answer = parse(data.decode("utf-8", "replace"), truncated=cut)
    for phrase in answer.phrases:
        if phrase.span is not None:
            start, end = phrase.span
            assert answer.caption[start:end] == phrase.text
        for unit in UNITS:
            frame = Frame(unit, (30, 40), (56, 84))
            for x0, y0, x1, y1 in to_pixels(phrase.boxes, frame).boxes:
                assert 0 <= x0 < x1 <= 40
                assert 0 <= y0 < y1 <= 30
            for x, y in points_to_pixels(phrase.points, frame)[0]:
                assert 0 <= x <= 40
                assert 0 <= y <= 30


# Weights --------------------------------------------------------------------------------------


@cache
def _weights() -> tuple[bytes, bytes, bytes]:
    import torch
    from safetensors.torch import save

    tensors = {f"model.layers.{k}.weight": torch.zeros(2, 3) for k in range(3)}
    new, old = io.BytesIO(), io.BytesIO()
    torch.save(tensors, new)
    torch.save(tensors, old, _use_new_zipfile_serialization=False)
    return save(tensors), new.getvalue(), old.getvalue()


def make_weights(rng: Random) -> dict[str, bytes]:
    """A folder of weights in one of the layouts, changed."""
    safe, new, old = _weights()
    kind = rng.randrange(5)
    if kind == 0:
        return {"model.safetensors": scrambled(rng, safe)}
    if kind == 1:
        length = int.from_bytes(safe[:8], "little")
        head = document(rng, json.loads(safe[8 : 8 + length]), NAMES)
        size = len(head) if rng.random() < 0.9 else rng.choice((0, 1, 2**31, 2**63))
        return {"model.safetensors": size.to_bytes(8, "little") + head + safe[8 + length :]}
    if kind == 2:
        names = dict.fromkeys(("model.layers.0.weight", "model.layers.1.weight"), "a.safetensors")
        index = document(rng, {"weight_map": names}, NAMES)
        return {"model.safetensors.index.json": index, "a.safetensors": safe}
    data = scrambled(rng, rng.choice((new, old)))
    if rng.random() < 0.2:
        data = _bomb(rng)
    return {"pytorch_model.bin": data}


def _bomb(rng: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("archive/data.pkl", "archive/version", "archive/data/0"):
            made.writestr(name, b"\0" * rng.choice((1, 10**6)))
    return stream.getvalue()


def read_weights(files: dict[str, bytes], folder: Path) -> None:
    """Names, shapes and tensors of a folder that is given as a checkpoint."""
    from gcg_bench.glamm.weights import Checkpoint

    for file in list(folder.iterdir()):
        file.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "config.json").write_text("{}")
    checkpoints.find(str(folder), remedy="")
    checkpoints.weight_names(folder)
    checkpoint = Checkpoint(folder)
    for name, tensor in checkpoint:
        assert tuple(tensor.shape) == checkpoint.shapes[name]


def make_shapes(rng: Random) -> dict[str, tuple[int, ...]]:
    """Names of a small checkpoint with other shapes."""
    tree = {name: list(shape) for name, shape in _shapes().items()}
    for _ in range(rng.choice((1, 2, 8))):
        name = rng.choice(list(tree))
        kind = rng.randrange(4)
        if kind == 0:
            del tree[name]
        elif kind == 1:
            tree[name] = [rng.choice((0, 1, 2, 7, 2**40)) for _ in range(rng.randrange(5))]
        elif kind == 2 and tree[name]:
            tree[name][rng.randrange(len(tree[name]))] = rng.choice((0, 1, 3, 2**40))
        else:
            tree[name.replace("0", rng.choice(("999999999", "9" * 5000, "00", "-1")))] = tree.pop(
                name
            )
    return {name: tuple(shape) for name, shape in tree.items()}


@cache
def _shapes() -> dict[str, tuple[int, ...]]:
    from gcg_bench.glamm.weights import Checkpoint

    return dict(Checkpoint(FOLDER).shapes)


def read_shapes(shapes: dict[str, tuple[int, ...]], folder: Path) -> None:
    """Sizes from the shapes of arbitrary weights."""
    from gcg_bench.glamm.configuration import GlammConfig
    from gcg_bench.glamm.shapes import grounding_sizes, region_sizes, vision_sizes

    del folder
    region = region_sizes(shapes)
    GlammConfig.parse(
        {"region": None} if region is None else {},
        vision=vision_sizes(shapes),
        grounding=grounding_sizes(shapes),
        region=region,
    )


_NEEDS = ("torch", "safetensors.torch", "sentencepiece")
TARGETS = (
    Target("models: config.json", make_config, read_config, 2, _NEEDS),
    Target("models: shapes", make_shapes, read_shapes, 0.3, _NEEDS),
    Target("models: vocabulary", make_vocabulary, read_vocabulary, 0.5, _NEEDS),
    Target("models: weights", make_weights, read_weights, 0.5, _NEEDS),
    Target("models: written boxes", make_written, read_written, 2),
    Target("models: answers", make_reply, read_reply, 2, _NEEDS),
)
