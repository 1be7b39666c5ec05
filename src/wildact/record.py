"""What a run was: the code, the machine, the time each stage took. Written beside every result.

What cannot be found out reads ``not recorded``. The computer's name is left out on purpose: records
are published with data.
"""

from __future__ import annotations

import json
import math
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import psutil

from wildact.atomic import replacing

NOT_RECORDED = "not recorded"

_PACKAGES = ("wildact", "torch", "torchvision", "numpy", "av")

T = TypeVar("T")


class StageTimer:
    """Adds up the seconds that each stage of a run takes.

    Time within an inner stage counts to that one alone, so the seconds of all stages add up to wall time:
    frames decoded on demand while a network runs are ``decode``, not the network's time.

    Example:
        >>> timer = StageTimer()
        >>> with timer.stage("track"):
        ...     total = sum(range(10))
        >>> frames = list(timer.iterate("decode", iter([1, 2, 3])))
        >>> sorted(timer.seconds)
        ['decode', 'track']

    Attributes:
        seconds: stage to wall-clock seconds so far, in the order in which stages first ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner_s: list[
            float
        ] = []  # of each stage that is running, outermost first: time of stages within it

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time within the ``with`` block to a stage, also when the block raises."""
        start = time.perf_counter()
        self._inner_s.append(0.0)
        try:
            yield
        finally:
            elapsed_s = time.perf_counter() - start
            own_s = elapsed_s - self._inner_s.pop()
            if self._inner_s:
                self._inner_s[-1] += elapsed_s
            self.seconds[name] = self.seconds.get(name, 0.0) + own_s

    def iterate(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass items on; only the time spent on making them counts, not what is done with them."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item


def describe_environment() -> dict[str, Any]:
    """The code and the machine, as plain JSON values; takes well under a second.

    Returns:
        ``date_utc`` (ISO 8601), ``versions`` of Python, packages and FFmpeg's libraries, ``os``, ``cpu``
        (model, cores, threads), ``ram_gb``, ``gpus`` (a list, or ``"none"``), ``cuda``, and ``source``
        (commit, and whether files differ from it) where wildact runs from a checkout.
    """
    return {
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "os": platform.platform(),
        "cpu": {
            "model": _cpu_model(),
            "cores": psutil.cpu_count(logical=False) or NOT_RECORDED,
            "threads": psutil.cpu_count() or NOT_RECORDED,
        },
        "ram_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "cuda": _cuda_version(),
        "gpus": _describe_gpus(),
        "source": _describe_source(Path(__file__).parents[2]),
    }


def save_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as readable JSON, whole or not at all; numbers that are not finite become null.

    Paths, fractions and other values that JSON does not know are written as text.

    Raises:
        OutputError: if the file cannot be written.
    """
    text = json.dumps(plain_values(values), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def plain_values(value: Any) -> Any:
    """JSON's own types: arrays and numpy's scalars are unpacked; nan and infinity become None."""
    if isinstance(value, Mapping):
        return {str(k): plain_values(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(v) for v in value]
    if hasattr(value, "tolist"):
        return plain_values(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = NOT_RECORDED
    import av

    versions |= {name: ".".join(map(str, v)) for name, v in sorted(av.library_versions.items())}
    return versions


def _cpu_model() -> str:
    if sys.platform == "linux":
        with suppress(OSError):
            for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
                if line.startswith(("model name", "Model")):
                    return line.split(":", 1)[1].strip()
    if sys.platform == "darwin":
        return _ask("sysctl", "-n", "machdep.cpu.brand_string") or NOT_RECORDED
    return platform.processor() or NOT_RECORDED


def _cuda_version() -> str:
    import torch

    return torch.version.cuda or "none"


def _describe_gpus() -> list[dict[str, Any]] | str:
    """Every NVIDIA GPU that torch can use, or ``"none"``."""
    import torch

    if not torch.cuda.is_available():
        return "none"
    driver = _ask("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").split("\n", 1)[0]
    devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [
        {"name": d.name, "memory_gb": round(d.total_memory / 1e9, 1), "driver": driver or NOT_RECORDED}
        for d in devices
    ]


def _describe_source(root: Path) -> dict[str, Any] | str:
    """Commit and state of the checkout at ``root``, if it is one."""
    if not (root / ".git").exists():
        return NOT_RECORDED
    commit = _ask("git", "-C", str(root), "rev-parse", "HEAD")
    if not commit:
        return NOT_RECORDED
    return {"commit": commit, "changed": bool(_ask("git", "-C", str(root), "status", "--porcelain"))}


def _ask(*command: str) -> str:
    """What a program prints, without the final line break; empty if it is not there or fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return answer.stdout.strip()
