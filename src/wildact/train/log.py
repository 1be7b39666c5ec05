"""The log of a training run: ``metrics.csv``, one row every few iterations, kept when a run goes on."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only


class MetricsLog(Logger):
    """Appends to a CSV file; rows of iterations that are about to be done again are left out."""

    def __init__(self, path: Path, *, start: int) -> None:
        """Open a log.

        Args:
            path: of the file.
            start: iterations done before; an earlier log is kept up to there.
        """
        super().__init__()
        self.path = path
        self.columns: list[str] = []
        self._keep(start)

    @property
    def name(self) -> str:
        """Lightning's name of an experiment."""
        return self.path.parent.name

    @property
    def version(self) -> str:
        """There is one version of a run."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The recipe is in ``record.json``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a row; the first row decides on the columns."""
        row = {"iteration": step, **{k: f"{v:.6g}" for k, v in metrics.items() if k != "epoch"}}
        if not self.columns:
            self.columns = list(row)
            with self.path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow(self.columns)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([row.get(column, "") for column in self.columns])

    @rank_zero_only
    def _keep(self, start: int) -> None:
        if start == 0 or not self.path.is_file():
            self.path.unlink(missing_ok=True)
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.columns = rows[0] if rows else []
        kept = [row for row in rows[1:] if len(row) == len(self.columns) and int(row[0]) < start]
        with self.path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([self.columns, *kept] if self.columns else [])
