"""The benchmark of where the flow leads, on an animal of which truth and flow are known."""

import sys

import numpy as np
import pytest
import torch


@pytest.fixture
def bench(load_benchmark):
    return load_benchmark("fgfa_flow")


def test_the_flow_is_followed_from_each_cell_on_both_axes(bench):
    mask, other = np.zeros((12, 20), bool), np.zeros((12, 20), bool)
    mask[2:4, 3:8], other[5:7, 4:9] = True, True
    flow = torch.zeros(2, 12, 20)
    assert bench.count_led(flow, mask, other) == (10, 0, 0)
    assert bench.count_led(flow, mask, mask) == (10, 10, 10)
    flow[0], flow[1] = 1.0, 3.0  # right, down
    assert bench.count_led(flow, mask, other) == (10, 10, 0)
    flow[0, 2] = 4.0  # the upper row goes too far: of its five cells the left two still land
    assert bench.count_led(flow, mask, other) == (10, 7, 0)
    assert bench.count_led(-100 * torch.ones(2, 12, 20), mask, other) == (10, 0, 0)  # ends at the border


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
