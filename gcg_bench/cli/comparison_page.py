"""compare: the page of a comparison, with pictures if the data set is on this machine."""

from collections.abc import Mapping, Sequence

from gcg_bench.analysis.run_comparison import Contrast
from gcg_bench.cli.console import say
from gcg_bench.cli.given_runs import FileOptions
from gcg_bench.cli.page_options import PageOptions
from gcg_bench.cli.report import data_of
from gcg_bench.errors import GcgBenchError
from gcg_bench.pipeline.encoders import Encoders
from gcg_bench.predictions import read_drafts
from gcg_bench.reporting.compare_page import write_page
from gcg_bench.reporting.compare_scenes import Scene, scenes
from gcg_bench.reporting.report import of_images
from gcg_bench.runs import Run


def write_comparison(
    contrast: Contrast,
    runs: tuple[Run, Run],
    page: PageOptions,
    files: FileOptions,
    *,
    top: int,
    quiet: bool,
) -> None:
    """Writes the page, with pictures if the data set and the encoder are on this machine."""
    assert page.output is not None
    listed = [image.id for image in contrast.images.changed[:top]]
    if contrast.phrases is not None:
        listed += [image.id for image in contrast.phrases.images[:top]]
    listed = list(dict.fromkeys(listed))
    pictures, why = _scenes(runs, listed, files) if page.pictures and listed else ({}, "")
    captions = _captions(*runs, set(listed))
    write_page(contrast, page.output, top=top, captions=captions, scenes=pictures, no_scenes=why)
    if why:
        say(f"the page has no pictures: {why}", quiet=quiet)
    say(f"wrote {page.output}", quiet=quiet)


def _scenes(
    runs: tuple[Run, Run], ids: Sequence[str], files: FileOptions
) -> tuple[Mapping[str, Scene], str]:
    """The pictures of some images; or none and the reason, so that the page is still written."""
    try:
        data = data_of(runs[0], files.dataset, files.data_root)
        encoders = Encoders.parsed(files.encoder)
        a, b = (of_images(run, data, ids, encoder=encoders) for run in runs)
    except GcgBenchError as error:  # the numbers do not need pictures
        return {}, str(error)
    return scenes(a, b), ""


def _captions(first: Run, second: Run, ids: set[str]) -> Mapping[str, tuple[str, str]]:
    """The captions of both runs for some images; empty if a run has no prediction."""
    a, b = (
        {
            draft.id: "" if draft.silent else draft.caption
            for draft in read_drafts(run.folder)
            if draft.id in ids
        }
        for run in (first, second)
    )
    return {image: (a.get(image, ""), b.get(image, "")) for image in ids}
