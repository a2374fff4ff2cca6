"""Downloads the files of a data set that a hub has, to the places where the loader reads them."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gcg_bench.data.cards import ByHand, DataCard
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.files import paths

Download = Callable[[str, str], Path]
"""Repository and file name -> the downloaded file; raises EnvironmentProblem."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of a data set after a download.

    Attributes:
        new: files that were downloaded.
        kept: files that existed already and were not changed.
        by_hand: parts that no hub has; the user must download them.
    """

    new: tuple[Path, ...]
    kept: tuple[Path, ...]
    by_hand: tuple[ByHand, ...]


def fetch(card: DataCard, root: Path, *, download: Download | None = None) -> Fetched:
    """Downloads the files of the card's hub repository, except those that exist already.

    Args:
        card: the data card.
        root: the data root; files are written to the paths in the card, and get their names when
            complete.
        download: replaces the download from the Hugging Face hub.

    Raises:
        BadOption: the card names a path outside the data root.
        EnvironmentProblem: no network, no such repository, or no space.
    """
    wanted = {} if card.hub is None else dict(card.hub.files)
    targets = {name: _inside(root, relative) for name, relative in wanted.items()}
    kept = tuple(path for path in targets.values() if path.exists())
    new = []
    for name, path in targets.items():
        if path in kept or card.hub is None:
            continue
        source = (download or from_hub)(card.hub.repo, name)
        part = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
            part.replace(path)
        except OSError as error:
            raise EnvironmentProblem(f"{path}: cannot be written ({error})") from error
        new.append(path)
    return Fetched(tuple(new), kept, card.by_hand)


def from_hub(repo: str, name: str) -> Path:
    """A file of a data set repository on the Hugging Face hub, in the hub's own cache.

    Raises:
        EnvironmentProblem: the download failed; names the reason.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    # the error of the hub's HTTP library, which differs between versions
    http_error: type[Exception] = HfHubHTTPError.__bases__[0]
    try:
        with _quiet("huggingface_hub"):
            return Path(hf_hub_download(repo, name, repo_type="dataset"))
    except LocalEntryNotFoundError as error:
        reason = "no connection to the hub, and the file is not in its cache"
        raise _cannot(repo, name, reason) from error
    except (HfHubHTTPError, HFValidationError) as error:
        raise _cannot(repo, name, str(error).partition("\n")[0]) from error
    except (http_error, OSError) as error:
        raise _cannot(repo, name, f"the connection broke: {error}") from error


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silences the warnings of a logger, which logs each attempt; the error is reported once."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _cannot(repo: str, name: str, reason: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"cannot download {name} of https://huggingface.co/datasets/{repo} ({reason}). Check the"
        " network or HF_ENDPOINT, or download it elsewhere and put it under the data root"
    )


def _inside(root: Path, relative: str) -> Path:
    if paths.file_name_problem(relative):
        raise BadOption(f"{relative}: the card would write outside the data root")
    return root / relative
