"""The options for where a model works, and for its timeouts."""

import click

from gcg_bench.cli.stacking import seconds, stacked, whole_number


def _executor(context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuses an executor that does not exist."""
    del context, option
    if value in ("auto", "local", "process", "ray") or value.startswith("ray:"):
        return value
    raise click.BadParameter(f"{value!r} is not one of auto, local, process, ray, ray:ADDRESS")


placement = stacked(
    seconds(
        "--timeout",
        "Time limit for one image, after which it counts as failed; the limit of a batch is"
        " this number times its images. [default: no timeout]",
    ),
    whole_number(
        "--give-up-after",
        "An image counts as failed when N processes ended on this image alone: killed, out of"
        " memory, or a crash in native code. [default: 2, where the model has its own process]",
    ),
    click.option(
        "--on",
        default="auto",
        show_default=True,
        callback=_executor,
        metavar="auto|local|process|ray[:ADDRESS]",
        help="Where the model works: in this process; in a process of its own, whose end makes one"
        " image fail, not the run; or on the nodes of a Ray cluster. auto: a process when"
        " --timeout, --give-up-after or --devices need one.",
    ),
    click.option(
        "--devices",
        default=None,
        metavar="D,D...",
        help="One process on each device: numbers of GPUs, or cpu. They share the images.",
    ),
    whole_number(
        "--models",
        "Copies of the model with --on ray. [default: as many as the cluster can hold]",
    ),
    click.option(
        "--gpus-per-model",
        type=click.FloatRange(min=0),
        default=None,
        metavar="N",
        help="GPUs of each copy with --on ray; with 0.5, two copies share a GPU. [default: 1 if"
        " the cluster has GPUs, unless --device is cpu]",
    ),
    seconds(
        "--start-timeout",
        "Time limit for building a model in a process of its own.",
        600.0,
    ),
)
