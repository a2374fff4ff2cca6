"""Connects a model in any Python environment to gcg-bench; copy this file next to your worker.

It needs Python 3.8 or later, the standard library and numpy. A worker is a script such as

    from gcg_bench_worker import serve

    def load():
        model = ...
        def answer(query):
            image, words = query.pixels(), query["prompt"]
            return {"caption": "a cat", "phrases": [{"text": "a cat", "mask": array, "score": 0.9}]}
        return answer

    serve(load, settings={"checkpoint": "me/model"})

and gcg-bench starts it with --model 'cmd:python worker.py'. Without gcg-bench it works offline:

    python worker.py < queries.jsonl > answers.jsonl

A query is a dict with `id`, `image` (the path of a file), `height`, `width`, `prompt`, `task`,
`expression`, `regions` (boxes x0, y0, x1, y1 in pixels), `turns`, `forced` and `image_id`;
`query.pixels()` returns the image, uint8 RGB of shape (height, width, 3).

An answer is a dict with `caption`, `phrases`, or both, and optionally `raw` (the model's text) and
`refused`. A phrase has a `text`, optionally a `score` and a `span` in the caption, and a `mask` or
a list `masks`. A mask is an array of shape (height, width), run lengths {"size": [height, width],
"counts": ...}, {"box": [x0, y0, x1, y1]} in pixels, or {"polygons": [[x, y, x, y, ...], ...]}.
"""

import atexit
import base64
import hashlib
import json
import os
import platform
import struct
import sys
import tempfile
import threading
import time
import traceback
import zlib

PROTOCOL = 1


class Query(dict):
    """A question of the data set, as a dict; `pixels()` reads the image."""

    def pixels(self):
        """The image, uint8 RGB of shape (height, width, 3), turned as its EXIF data say."""
        import numpy

        raw = self._sent("raw")
        if raw is not None:
            flat = numpy.frombuffer(raw, dtype=numpy.uint8)
            return flat.reshape(self["height"], self["width"], 3).copy()
        pixels = _decode(self["image"])
        if pixels.shape[:2] != (self["height"], self["width"]):
            turned = _decode(self["image"], upright=False)
            pixels = turned if turned.shape[:2] == (self["height"], self["width"]) else pixels
        return pixels

    def __getitem__(self, name):
        if name == "image" and not dict.__contains__(self, "image"):
            dict.__setitem__(self, "image", self._file())
        return dict.__getitem__(self, name)

    def get(self, name, default=None):
        """The value of a name, or the default."""
        return self[name] if name == "image" or name in self else default

    def _sent(self, form):
        text = dict.get(self, form)
        return None if text is None else base64.b64decode(text)

    def _file(self):
        """The path of a new file with the image that came inside the query."""
        content = self._sent("png")
        if content is None:
            raw = self._sent("raw")
            if raw is None:
                raise KeyError("image")
            content = _png(raw, self["height"], self["width"])
        path = os.path.join(_folder(), hashlib.sha256(content).hexdigest()[:16] + ".png")
        with open(path, "wb") as stream:
            stream.write(content)
        return path


def serve(load, batch=1, settings=None, images="path", files=(), name=None):
    """Answers queries until standard input ends.

    Standard output is only for answers; the text that the model prints goes to standard error.
    Standard input is only for queries; a model that reads it finds it empty.

    Args:
        load: called once; returns the function that answers. It may take options by name, which
            the user gives with --model-arg NAME=VALUE.
        batch: the number of queries that are answered together. With 1 the function gets a query
            and returns an answer; with more it gets a list and returns a list of the same length.
        settings: everything that decides the answers, such as the checkpoint and the decoding, as
            JSON values.
        images: "path" when this process can read the files of the machine that asks, "png" when
            images must be sent.
        files: paths of weight files; their sha256 becomes part of the settings.
        name: the name of the model.
    """
    out = _take_stdout()
    lines = _Lines(_take_stdin())
    greeting = lines.take()
    asked = isinstance(greeting, dict) and "gcg_bench" in greeting
    if not asked and greeting is not None:
        lines.put_back(greeting)
    options = greeting.get("options", {}) if asked else {}
    answer = load(**options)
    if asked:
        hello = {
            "gcg_bench_worker": PROTOCOL,
            "pull": True,
            "raw": True,
            "batch": int(batch),
            "images": images,
            "name": name,
            "settings": settings or {},
            "versions": _versions(),
            "sha256": _digests(files),
        }
        _write(out, hello)
    _Server(answer, int(batch), lines, out, asked).run()


class _Server:
    """The loop of a worker: takes queries in batches and writes their answers."""

    def __init__(self, answer, batch, lines, out, asked):
        self.answer, self.batch, self.lines, self.out, self.asked = answer, batch, lines, out, asked

    def run(self):
        more = True
        while True:
            if self.asked and more:
                _write(self.out, {"more": self.batch})
            queries, ended = self.take()
            more = bool(queries)
            if queries:
                for line in self.answers(queries):
                    _write(self.out, line)
            if ended:
                return

    def take(self):
        """The next queries, at most a batch, and whether the input has ended."""
        queries = []
        while len(queries) < self.batch:
            line = self.lines.take()
            if line is None:
                return queries, True
            if line.get("end"):
                break
            if "id" in line:
                queries.append(Query(line))
        return queries, False

    def answers(self, queries):
        """A line for every query; a batch that fails is asked again one by one."""
        started = time.perf_counter()
        try:
            given = self.answer(queries[0]) if self.batch == 1 else self.answer(list(queries))
            given = [given] if self.batch == 1 else list(given)
            if len(given) != len(queries):
                text = "the model gave %d answers to %d queries" % (len(given), len(queries))
                raise ValueError(text)
            seconds = (time.perf_counter() - started) / len(queries)
            return [_line(query, one, seconds) for query, one in zip(queries, given)]
        except (Exception, SystemExit) as error:
            if len(queries) > 1:
                return [line for query in queries for line in self.answers([query])]
            traceback.print_exc()
            text = "".join(traceback.format_exception_only(type(error), error)).strip()
            return [{"id": queries[0]["id"], "error": text[:2000]}]


def _line(query, answer, seconds):
    """The answer to a query as one object of JSON values."""
    if not isinstance(answer, dict):
        raise TypeError("the answer should be a dict, not %s" % type(answer).__name__)
    line = {"id": query["id"], "seconds": round(seconds, 6)}
    for name in ("caption", "raw", "error", "refused", "seconds"):
        if answer.get(name) is not None:
            line[name] = answer[name]
    if answer.get("phrases") is not None:
        line["phrases"] = [_phrase(phrase) for phrase in answer["phrases"]]
    return json.loads(json.dumps(line, default=_plain))


def _phrase(phrase):
    fields = {name: value for name, value in phrase.items() if name not in ("mask", "masks")}
    fields.setdefault("text", None)
    if phrase.get("masks") is not None:
        fields["masks"] = [_mask(mask) for mask in phrase["masks"]]
    elif phrase.get("mask") is not None:
        fields["mask"] = _mask(phrase["mask"])
    return fields


def _mask(mask):
    """The run lengths of an array; other masks are returned unchanged, with bytes as text."""
    if isinstance(mask, dict):
        counts = mask.get("counts")
        return dict(mask, counts=counts.decode("ascii")) if isinstance(counts, bytes) else mask
    if isinstance(mask, (list, tuple)):
        return mask
    for step in ("detach", "cpu", "numpy"):  # a tensor of torch
        if hasattr(mask, step):
            mask = getattr(mask, step)()
    return _run_lengths(mask)


def _run_lengths(array):
    """The lengths of runs of zeros and ones, column by column, beginning with zeros."""
    import numpy

    array = numpy.asarray(array)
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array.reshape([side for side in array.shape if side != 1] or [1, 1])
    if array.ndim != 2:
        raise ValueError("a mask should have the shape (height, width), not %s" % (array.shape,))
    values = numpy.unique(array)
    if not set(values.tolist()) <= {0, 1, 255} or {1, 255} <= set(values.tolist()):
        raise ValueError("a mask should hold 0 and 1; give logits > 0 instead")
    flat = (array != 0).ravel(order="F")
    changes = numpy.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = numpy.diff(numpy.concatenate([[0], changes, [flat.size]])).tolist()
    if flat.size and flat[0]:
        runs = [0] + runs
    return {"size": [int(side) for side in array.shape], "counts": runs}


def _plain(value):
    """A number of numpy or torch as a plain one, an array as a list."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode("ascii")
    raise TypeError("%s is no JSON value" % type(value).__name__)


class _Lines:
    """JSON objects of a stream, one a line; None at its end."""

    def __init__(self, stream):
        self.stream, self.waiting = stream, []

    def put_back(self, line):
        self.waiting.append(line)

    def take(self):
        if self.waiting:
            return self.waiting.pop()
        while True:
            line = self.stream.readline()
            if not line:
                return None
            if line.strip():
                return json.loads(line.decode("utf-8"))


_LOCK = threading.Lock()


def _write(out, value):
    data = json.dumps(value).encode("ascii") + b"\n"
    with _LOCK:
        try:
            out.write(data)
            out.flush()
        except BrokenPipeError:  # nobody asks any more
            os._exit(0)


def _take_stdin():
    """Returns the real standard input; the model and programs that it starts read an empty one."""
    source = os.fdopen(os.dup(0), "rb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return source


def _take_stdout():
    """Returns the real standard output; text that is printed later goes to standard error."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out


def _versions():
    """Versions of Python and of the imported packages that state one."""
    versions = {"python": platform.python_version()}
    for name in ("torch", "transformers", "numpy", "mmcv", "timm", "peft", "flash_attn"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is not None:
            versions[name] = str(version)
    cuda = getattr(getattr(sys.modules.get("torch"), "version", None), "cuda", None)
    if cuda is not None:
        versions["cuda"] = str(cuda)
    return versions


def _digests(files):
    """sha256 of the worker, of the modules in its folder, and of the weight files, by name."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    paths = {}
    if main is not None:
        main = os.path.abspath(main)
        home = os.path.join(os.path.dirname(main), "")
        paths[os.path.basename(main)] = main
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            # some packages name files that do not exist
            if path and path.endswith(".py") and path.startswith(home) and os.path.isfile(path):
                name = os.path.relpath(path, home)
                if "site-packages" not in name:
                    paths[name] = path
    for path in files:
        paths[os.path.basename(str(path))] = str(path)
    return {name: _digest(path) for name, path in sorted(paths.items())}


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _decode(path, upright=True):
    """The pixels of an image file by Pillow or OpenCV, whichever is installed."""
    import numpy

    try:
        from PIL import Image, ImageOps
    except ImportError:
        import cv2

        flag = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.imread(path, flag)[:, :, ::-1].copy()
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image) if upright else image
        return numpy.array(image.convert("RGB"))


def _png(raw, height, width):
    """A PNG file of RGB bytes."""
    row = width * 3
    lines = b"".join(b"\0" + raw[k * row : (k + 1) * row] for k in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


_FOLDERS = []


def _folder():
    """A folder for images that came inside queries; it is deleted when the process ends."""
    if not _FOLDERS:
        folder = tempfile.TemporaryDirectory(prefix="gcg_bench_worker_")
        _FOLDERS.append(folder)
        atexit.register(folder.cleanup)
    return _FOLDERS[0].name
