"""A run folder with its scores: the class `gcg_bench.Run`."""

from typing import Any

from gcg_bench import runs
from gcg_bench.errors import BadOption, GcgBenchError, UnknownName
from gcg_bench.files.html import paragraph
from gcg_bench.runs.labels import label_of
from gcg_bench.scoring import frames, shown
from gcg_bench.scoring.storage import load_result, refuse_edited


class Run(runs.Run):
    """A run folder, open for reading; from `create_or_resume` also for adding predictions.

    `print(run)` shows a short table of its scores; a notebook shows all scores.

    Attributes:
        folder: the run folder.
        settings: everything that decides the predictions; a run is resumed only with equal
            settings.
        environment: the versions and the device with which the run was created; they may differ
            when it is resumed.
    """

    def frame(self, protocol: str = "") -> Any:
        """The scores of each query as a pandas DataFrame, see `Result.frame`.

        Args:
            protocol: name of one protocol (`strict` or `strict-2`), whose scores are the columns
                (`F1`); all by default, with columns such as `strict-2.F1`.

        Raises:
            UnknownName: the run was not scored with that protocol.
            BadData: scores, rows and predictions do not fit together.
            BadOption: this version of gcg-bench has other metrics.
        """
        return frames.joined(
            load_result(self, name).frame().add_prefix("" if protocol else f"{_key(name)}.")
            for name in self._chosen(protocol)
        )

    def rows(self, protocol: str = "") -> Any:
        """The values that the metrics computed from each query, as a pandas DataFrame.

        Args:
            protocol: name of one protocol, with columns such as `phrase_f1.matched`; all by
                default, with columns such as `strict-2.phrase_f1.matched`.

        Raises:
            UnknownName: the run was not scored with that protocol.
            BadData: a file is damaged.
        """
        return frames.joined(
            frames.of_rows(self.read_rows(name)).add_prefix("" if protocol else f"{_key(name)}.")
            for name in self._chosen(protocol)
        )

    def __repr__(self) -> str:
        """A short table; where the scores cannot be read, the reason."""
        name = f"run {self.folder.name}: {label_of(self)}"
        try:
            return shown.text(name, self._shown())
        except GcgBenchError as error:
            return f"{name}: {error}"

    def _repr_html_(self) -> str:
        try:
            return shown.html(self.folder.name, self.settings, self._shown())
        except GcgBenchError as error:
            return paragraph(f"{self.folder.name}: {error}")

    def _shown(self) -> list[dict[str, Any]]:
        """The results as JSON values; raises GcgBenchError when one was edited or does not fit."""
        values = []
        for folder in self.protocols():
            try:
                values.append(load_result(self, folder).to_json())
            except BadOption:  # its metrics are from outside this package, as are its rows
                scores = self.scores(folder) or {}
                refuse_edited(scores, self.folder / folder / "scores.json")
                values.append(scores)
        return values

    def _chosen(self, protocol: str) -> list[str]:
        """The folders of a protocol by its name or key; of all without one."""
        names = self.protocols()
        chosen = [
            name
            for name in names
            if protocol in ("", name, _key(name), _key(name).rpartition("-")[0])
        ]
        if protocol and not chosen:
            raise UnknownName(f"protocol of {self.folder.name}", protocol, list(map(_key, names)))
        return chosen


def _key(folder: str) -> str:
    """Name and version of the protocol of a folder: `strict-2` of `gcg.strict-2`."""
    return folder.partition(".")[2] or folder
