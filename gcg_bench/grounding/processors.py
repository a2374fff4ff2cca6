"""Processors of transformers models, which make the input of a network from pixels and text."""

from typing import Any

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.files.transformers_log import quiet_transformers
from gcg_bench.grounding.weights import Checkpoint

_REMEDY = "Download it again"


def load_processor(checkpoint: Checkpoint, class_name: str) -> Any:
    """The processor of a checkpoint.

    Args:
        checkpoint: a located checkpoint.
        class_name: its class in transformers.

    Raises:
        BadData: a file is missing or damaged.
        EnvironmentProblem: a package that the processor needs is missing, or the installed
            transformers has no such class.
    """
    import transformers

    kind = getattr(transformers, class_name, None)
    if kind is None:
        raise EnvironmentProblem(
            f"transformers {transformers.__version__} has no {class_name}. Install a newer one:"
            " pip install -U transformers"
        )
    try:
        with quiet_transformers():
            return kind.from_pretrained(
                checkpoint.folder, local_files_only=True, trust_remote_code=False
            )
    except ImportError as error:
        raise EnvironmentProblem(
            f"{class_name} cannot be loaded: {error}. Install what it names, e.g. with"
            " pip install 'gcg-bench[vision]'"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"holds no {class_name} that can be read ({error})"
        raise BadData(problem, file=checkpoint.folder, remedy=_REMEDY) from error
