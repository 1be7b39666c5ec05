"""Two processes that train together do what one does with the whole batch."""

import subprocess
import sys

import pytest
import torch

SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn
from wildact.recipes import load_recipe
from wildact.recognize import RECOGNIZERS
from wildact.train import train_recipe

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
    data, out, devices = sys.argv[1:]
    recipe = load_recipe("r2plus1d_narrow", [
        "model.name=small", "model.architecture={}", "optimizer.iterations=4", "optimizer.batch_size=4",
        "optimizer.checkpoint_iterations=4", "data.size=32", "data.num_frames=4", "data.clips_per_video=2",
    ])
    card = train_recipe(
        recipe, Path(data), Path(out), validation=Path(data), workers=0, device="cpu", devices=int(devices),
        progress=False,
    )
"""


@pytest.mark.filterwarnings("default")
def test_two_processes_train_as_one_with_the_whole_batch(tiny_data, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    states = []
    for devices in (1, 2):
        out = tmp_path / f"run{devices}"
        command = [sys.executable, str(script), str(tiny_data), str(out), str(devices)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        checkpoint = torch.load(out / "last.ckpt", weights_only=True)
        assert checkpoint["global_step"] == 4
        states.append(checkpoint["state_dict"])
    for name, tensor in states[0].items():
        assert torch.allclose(tensor, states[1][name], atol=1e-6), name
    assert (tmp_path / "run1/validation.csv").read_text() == (tmp_path / "run2/validation.csv").read_text()
