"""The default names of run folders."""

import hashlib
from pathlib import Path


def default_folder(model: str, dataset: str, split: str, variant: str = "") -> Path:
    """`runs/<model>-<dataset>-<split>`; characters that a file name cannot have are replaced.

    A variant of the data (see `DataSpec.variant`) follows after a dash.
    """
    plain = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in model).strip("-.")
    if plain != model:
        plain = f"{plain[-60:].strip('-.')}-{hashlib.sha256(model.encode()).hexdigest()[:6]}"
    return Path("runs") / "-".join(filter(None, (plain, dataset, split, variant)))
