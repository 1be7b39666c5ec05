"""The benchmark of what action networks cost, on tiny clips."""

import sys

import pytest


@pytest.fixture
def bench(load_benchmark):
    return load_benchmark("action_networks")


def test_options_of_a_network_are_those_of_its_builder(bench):
    assert bench.parse("lite0_tsm") == ("lite0_tsm", {})
    assert bench.parse("slowfast_r50:width=16, depths=[1, 2, 1, 1], frames=8") == (
        "slowfast_r50",
        {"width": 16, "depths": [1, 2, 1, 1], "frames": 8},
    )


def test_a_line_for_each_network_with_the_first_as_the_measure(bench, monkeypatch, capsys):
    networks = ["lite0_tsm:frames=2,size=32", "slowfast_r50:width=8,depths=[1,1,1,1],frames=4,size=32"]
    monkeypatch.setattr(sys, "argv", ["action_networks.py", *networks, "--batch", "1", "--rounds", "1"])
    bench.main()
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.endswith("ratio")
    assert [line.split()[0] for line in lines] == networks
    assert lines[0].endswith(" 1.00")
    assert all(float(line.split()[2]) > 0 for line in lines)
