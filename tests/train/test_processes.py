"""Two processes that train together do what one does with the whole batch; one that is killed goes on."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
from torch import nn
from wildact.recipes import load_recipe
from wildact.recognize import RECOGNIZERS
from wildact.train import recognition, train_recipe

class Small(nn.Module):  # nothing in it looks at other samples of the batch
    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, stride=2)
        self.fc = nn.Linear(4, num_classes)
    def forward(self, x):
        return self.fc(self.conv(x).relu().mean(dim=(2, 3, 4)))

if __name__ == "__main__":
    torch.set_num_threads(1)
    RECOGNIZERS["small"] = Small
    data, out, devices, killed_at = sys.argv[1:]
    losses, calls = recognition.compute_losses, []

    def count(*args, **kwargs):
        calls.append(1)
        if len(calls) == int(killed_at):
            os.kill(os.getpid(), signal.SIGKILL)
        return losses(*args, **kwargs)

    recognition.compute_losses = count
    recipe = load_recipe(SMALL_RECOGNIZER, [
        "model.name=small", "model.architecture={}", "optimizer.iterations=4", "optimizer.batch_size=4",
        "optimizer.checkpoint_iterations=2", "data.size=32", "data.num_frames=4", "data.clips_per_video=2",
    ])
    card = train_recipe(
        recipe, Path(data), Path(out), validation=Path(data), workers=0, device="cpu", devices=int(devices),
        progress=False,
    )
"""


def train(tmp_path, data, out, *, devices=1, killed_at=0):
    """Exit code of a training in a process of its own."""
    script = tmp_path / "script.py"
    recipe = Path(__file__).parents[1] / "small_recognizer.toml"
    script.write_text(SCRIPT.replace("SMALL_RECOGNIZER", repr(str(recipe))))
    command = [sys.executable, str(script), str(data), str(out), str(devices), str(killed_at)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
    return done.returncode


@pytest.fixture(scope="module")
def whole(tiny_data, tmp_path_factory):
    """The folder of a training by one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder, tiny_data, folder / "run") == 0
    return folder / "run"


def assert_equal_runs(one, other, tolerance):
    checkpoints = [torch.load(out / "last.ckpt", weights_only=True) for out in (one, other)]
    assert [checkpoint["global_step"] for checkpoint in checkpoints] == [4, 4]
    for name, tensor in checkpoints[0]["state_dict"].items():
        assert torch.allclose(tensor, checkpoints[1]["state_dict"][name], rtol=0, atol=tolerance), name
    assert (one / "validation.csv").read_text() == (other / "validation.csv").read_text()


def test_two_processes_train_as_one_with_the_whole_batch(whole, tiny_data, tmp_path):
    assert train(tmp_path, tiny_data, tmp_path / "run", devices=2) == 0
    assert_equal_runs(whole, tmp_path / "run", 1e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_a_training_that_was_killed_ends_as_if_it_had_not_been(whole, tiny_data, tmp_path):
    assert train(tmp_path, tiny_data, tmp_path / "run", killed_at=4) == -signal.SIGKILL
    assert train(tmp_path, tiny_data, tmp_path / "run") == 0
    assert_equal_runs(whole, tmp_path / "run", 0)
    assert (whole / "metrics.csv").read_text() == (tmp_path / "run/metrics.csv").read_text()
    assert json.loads((tmp_path / "run/record.json").read_text())["iterations"] == 4
