"""The mean of the weights over the last iterations of a training, often better than the last of them.

Steps of a learning rate that does not go down lead around a good place rather than into it; their mean is
near its middle.

Reference: Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization; the mean
itself is PyTorch's.
"""

from __future__ import annotations

from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class TailMean(Callback):
    """Keeps the mean of a network's weights, and of its norms' statistics, over the last iterations.

    It must come before callbacks that use the mean.
    """

    def __init__(self, model: nn.Module, *, begin: int) -> None:
        """Plan the mean.

        Args:
            model: that is trained.
            begin: the mean is of the weights after every iteration from this one on, counted from 0; below 0:
                after every one.
        """
        self.model, self.begin = model, begin
        self._mean: AveragedModel | None = None

    @property
    def weights(self) -> nn.Module:
        """The network with its mean weights; until there is a mean, the network itself."""
        return self.model if self._mean is None else self._mean.module

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Let the weights of this iteration count, where it is one of the last."""
        if trainer.global_step > self.begin:
            self._averaged().update_parameters(self.model)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {} if self._mean is None else self._mean.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a checkpoint kept."""
        if state_dict:
            self._averaged().load_state_dict(state_dict)

    def _averaged(self) -> AveragedModel:
        if self._mean is None:
            self._mean = begin_mean(self.model)
        return self._mean


def begin_mean(model: nn.Module) -> AveragedModel:
    """A mean of networks built like ``model``, of none as yet; its ``module`` is the mean.

    Weights and the norms' statistics are averaged.
    """
    return AveragedModel(model, avg_fn=_step, use_buffers=True)


def _step(mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
    """The mean of ``count`` tensors and one more; whole numbers, as counters, have none and are the last.

    PyTorch's own rule divides those too, which GPUs refuse.
    """
    return mean + (value - mean) / (count + 1) if mean.is_floating_point() else value
