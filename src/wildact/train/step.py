"""One iteration: losses of a batch, their gradients, and a clear stop where one of them is no number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from wildact.errors import UsageError, WildactError
from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.train.schedule import build_optimizer, build_scheduler
from wildact.train.visits import Blocks

Recipe = DetectionRecipe | RecognitionRecipe
Losses = Callable[[nn.Module, Sequence[Any]], dict[str, Tensor]]


class Training(lightning.LightningModule):
    """What Lightning's loop needs: a network, its losses, optimiser and schedule."""

    def __init__(
        self, model: nn.Module, recipe: Recipe, losses: Losses, blocks: Blocks[Any], *, per_epoch: int
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.losses = model, recipe, losses
        self.blocks, self.per_epoch = blocks, per_epoch

    def on_fit_start(self) -> None:
        """Refuse what gives wrong gradients.

        Raises:
            UsageError: for 3-D convolutions at reduced precision on a CPU: some gradients depend there
                (torch 2.15) on what was in memory before, and are now and then no numbers.
        """
        if self.recipe.optimizer.precision == "32-true" or self.device.type != "cpu":
            return
        if any(isinstance(module, nn.Conv3d) for module in self.model.modules()):
            raise UsageError(
                f"{self.recipe.model.name} has 3-D convolutions, whose gradients a CPU gets wrong at "
                f"{self.recipe.optimizer.precision}: leave optimizer.precision at 32-true, or use a GPU."
            )

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> Tensor:
        """Sum of the losses of one batch; stops on a loss that is no number."""
        # what is drawn within a step depends on its number alone, also after a run was interrupted
        torch.manual_seed((self.recipe.seed << 32) + (self.global_rank << 26) + self.global_step)
        losses = self.losses(self.model, batch)
        total = torch.stack([value for name, value in losses.items() if name.startswith("loss")]).sum()
        self._require_finite("the loss", total.item())
        several = self.trainer.world_size > 1
        values = {name: value.detach() for name, value in losses.items()}
        self.log_dict(values, batch_size=len(batch), sync_dist=several)
        self.log("loss", total.detach(), prog_bar=True, batch_size=len(batch), sync_dist=several)
        self.log("learning_rate", self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        return total

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Stop on a gradient that is no number: weights that it reached would be lost."""
        if self.recipe.optimizer.precision == "16-mixed":
            return  # its scaler tries until nothing overflows, and leaves such steps out
        gradients = [
            x.grad for group in optimizer.param_groups for x in group["params"] if x.grad is not None
        ]
        self._require_finite("the norm of the gradients", nn.utils.get_total_norm(gradients).item())

    def _require_finite(self, what: str, value: float) -> None:
        if math.isfinite(value):
            return
        videos = sorted({video.info.path.name for video in self.blocks.videos_of(self.global_step)})
        raise WildactError(
            f"{what} of iteration {self.global_step} is {value}, on samples of {', '.join(videos)}: look "
            "at their labels, lower optimizer.learning_rate, or set optimizer.clip_norm."
        )

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser, with a schedule that steps once per iteration."""
        optimizer = build_optimizer(self.recipe.optimizer, self.model.parameters())
        scheduler = build_scheduler(self.recipe, optimizer, self.per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
