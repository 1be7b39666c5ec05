"""Energy that a training takes, from the machine's own counters where it has some.

Intel's and AMD's processors count in ``/sys/class/powercap`` (often readable by administrators only),
NVIDIA's GPUs count through NVML. Of a whole computer that is the larger part, not all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")

Counter = Callable[[], float]
"""Gives joules since some moment."""


class EnergyMeter:
    """Adds up what all counters of the machine have counted; to be read every few minutes at least.

    Attributes:
        joules: used since the start.
        sources: what was counted; empty where nothing can be.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        """Begin to count."""
        self.joules = 0.0
        self._counters = {**_processors(powercap), **_gpus()}
        self._last = {name: counter() for name, (counter, _) in self._counters.items()}

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the counters."""
        return tuple(self._counters)

    def read(self) -> float:
        """Joules since the start, now."""
        for name, (counter, wraps_at) in self._counters.items():
            now = counter()
            used = now - self._last[name]
            self.joules += used if used >= 0 else used + wraps_at  # a processor's counter begins anew
            self._last[name] = now
        return self.joules


def _processors(folder: Path) -> dict[str, tuple[Counter, float]]:
    """The packages' counters, whose parts (``intel-rapl:0:0``) they include."""
    found: dict[str, tuple[Counter, float]] = {}
    for package in sorted(folder.glob("intel-rapl:*")):
        if package.name.count(":") > 1:
            continue
        with suppress(OSError, ValueError):
            wraps_at = float((package / "max_energy_range_uj").read_text()) / 1e6
            name = (package / "name").read_text().strip()
            path = package / "energy_uj"
            _microjoules(path)  # is it readable?
            found[name] = (partial(_microjoules, path), wraps_at)
    return found


def _microjoules(path: Path) -> float:
    return float(path.read_text()) / 1e6


def _gpus() -> dict[str, tuple[Counter, float]]:
    """NVIDIA's GPUs, where NVML's Python package and driver are there."""
    found: dict[str, tuple[Counter, float]] = {}
    with suppress(Exception):  # no package, no driver, no such counter: then it is not recorded
        import pynvml  # type: ignore[import-not-found,unused-ignore]

        pynvml.nvmlInit()
        for i in range(pynvml.nvmlDeviceGetCount()):
            counter = partial(_gpu_joules, pynvml, pynvml.nvmlDeviceGetHandleByIndex(i))
            counter()  # does it count at all?
            found[f"gpu-{i}"] = (counter, 0.0)
    return found


def _gpu_joules(pynvml: Any, handle: Any) -> float:
    return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
