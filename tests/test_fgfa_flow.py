"""The benchmark of where the flow leads, on an animal of which truth and flow are known."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture
def bench(monkeypatch):
    """The script."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    yield importlib.import_module("fgfa_flow")
    sys.modules.pop("fgfa_flow")


class Shifts:
    """A stand-in for FGFA: everything moves two cells to the right from frame to frame."""

    @staticmethod
    def prepare_flow(images, size):
        return images

    @staticmethod
    def find_flow(current, other, size):
        flow = torch.zeros(1, 2, *size)
        flow[:, 0] = 2.0 if float(other.mean()) > float(current.mean()) else -2.0
        return flow


def test_flows_between_neighbours_are_composed_both_ways(bench):
    prepared = [torch.full((1, 3, 8, 8), float(i)) for i in range(5)]
    flows = bench.follow(Shifts, prepared, (6, 20), 3)
    assert flows[0, 3][0].unique().tolist() == [6.0]
    assert flows[4, -2][0].unique().tolist() == [-4.0]
    assert (0, -1) not in flows
    assert (3, 2) not in flows


def test_a_line_for_each_speed_and_distance(bench, tiny_data, tiny_video_detector, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fgfa_flow.py", tiny_video_detector, "--data", str(tiny_data)])
    bench.main()
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines
    for line in lines:
        speed, apart, pairs, led, kept = line.split()
        assert speed in ("slow", "medium", "fast")
        assert int(apart) in (1, 4, 7, 10)
        assert int(pairs) > 0
        assert 0 <= float(led) <= 1
        assert 0 <= float(kept) <= 1
    near = np.array([float(line.split()[3]) for line in lines if line.split()[1] == "1"])
    assert near.max() > 0.5
