"""The log of a training run as CSV files, kept when a run goes on.

``metrics.csv`` has a row every few iterations, ``validation.csv`` one for each validation. Lightning's own
CSV logger begins a file anew when a run is resumed.
"""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

VALIDATION = "validation/"
"""What the names of metrics begin with that go to ``validation.csv``."""


class MetricsLog(Logger):
    """Appends to CSV files; rows of iterations that are about to be done again are left out."""

    def __init__(self, folder: Path, *, start: int) -> None:
        """Open the log of a run of which ``start`` iterations were done before."""
        super().__init__()
        self.folder = folder
        for name in ("metrics.csv", "validation.csv"):
            _keep_rows(folder / name, start)

    @property
    def name(self) -> str:
        """Lightning's name of an experiment."""
        return self.folder.name

    @property
    def version(self) -> str:
        """There is one version of a run."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The recipe is in ``record.json``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a row; the first row of a file decides on its columns."""
        validated = {k.removeprefix(VALIDATION): v for k, v in metrics.items() if k.startswith(VALIDATION)}
        path = self.folder / ("validation.csv" if validated else "metrics.csv")
        values = validated or {k: v for k, v in metrics.items() if k != "epoch"}
        row = {"iteration": str(step), **{k: f"{v:.6g}" for k, v in values.items()}}
        with path.open("a+", encoding="utf-8", newline="") as file:
            file.seek(0)
            columns = next(csv.reader(file), None)
            if columns is None:
                columns = list(row)
                csv.writer(file).writerow(columns)
            csv.writer(file).writerow([row.get(column, "") for column in columns])


@rank_zero_only
def _keep_rows(path: Path, start: int) -> None:
    """Leave out the rows of iteration ``start`` and later ones, and a last one that was cut off."""
    if start == 0:
        path.unlink(missing_ok=True)
    if not path.is_file():
        return
    with path.open("r+", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
        file.seek(0)
        file.truncate()
        kept = [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[0]) < start]
        csv.writer(file).writerows([*rows[:1], *kept])
