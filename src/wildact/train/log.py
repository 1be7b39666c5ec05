"""The log of a training run as CSV files, kept when a run goes on.

``metrics.csv`` has a row every few iterations, ``validation.csv`` one for each validation.
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
        """Open a log.

        Args:
            folder: of the files.
            start: iterations done before; an earlier log is kept up to there.
        """
        super().__init__()
        self.folder = folder
        self.training = _Table(folder / "metrics.csv")
        self.validation = _Table(folder / "validation.csv")
        self._keep(start)

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
        """Append a row."""
        validated = {k.removeprefix(VALIDATION): v for k, v in metrics.items() if k.startswith(VALIDATION)}
        table = self.validation if validated else self.training
        values = validated or {k: v for k, v in metrics.items() if k != "epoch"}
        table.append({"iteration": str(step), **{k: f"{v:.6g}" for k, v in values.items()}})

    @rank_zero_only
    def _keep(self, start: int) -> None:
        self.training.keep(start)
        self.validation.keep(start)


class _Table:
    """A CSV file whose first row decides on its columns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] = []

    def append(self, row: Mapping[str, str]) -> None:
        if not self.columns:
            self.columns = list(row)
            with self.path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow(self.columns)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([row.get(column, "") for column in self.columns])

    def keep(self, start: int) -> None:
        """Leave out the rows of iteration ``start`` and later ones."""
        if start == 0 or not self.path.is_file():
            self.path.unlink(missing_ok=True)
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.columns = rows[0] if rows else []
        kept = [row for row in rows[1:] if len(row) == len(self.columns) and int(row[0]) < start]
        with self.path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([self.columns, *kept] if self.columns else [])
