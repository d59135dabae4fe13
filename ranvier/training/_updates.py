"""From the gradients of batches to updates of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.training._average import Averages
from ranvier.training._gradients import check_finite, clip_gradient, gradient_norms, total_norm
from ranvier.training._optimizers import Optimizers
from ranvier.training.health import Health
from ranvier.training.mixed import Mixed
from ranvier.training.scales import Scales
from ranvier.training.schedules import Running
from ranvier.values import is_whole

__all__ = ["Updates", "check_accumulate"]


def check_accumulate(accumulate: int) -> None:
    """Raise unless it is a number of batches."""
    if not is_whole(accumulate):
        raise TrainingError(f"accumulate={accumulate!r} must be a positive number of batches for each update.")


@dataclass
class Updates:
    """Adds the gradients of ``accumulate`` batches, weighed by their samples, limits them, and steps; ``health`` sees them before.

    ``mixed`` leaves out those whose gradient overflowed in half precision. ``done`` counts the updates of the whole training; ``largest`` is the largest norm of a gradient of the epoch, before clipping.
    """

    parameters: dict[str, nn.Parameter]
    optimizers: Optimizers
    scales: Scales
    schedule: Running
    health: Health
    clip: float | None = None
    accumulate: int = 1
    averages: Averages | None = None
    mixed: Mixed = field(default_factory=Mixed)
    done: int = 0
    largest: float = 0.0
    _sums: dict[str, torch.Tensor] = field(default_factory=dict)
    _batches: int = 0
    _samples: int = 0

    def batch(self, samples: int, epoch: int, where: str, cause: Callable[[], str]) -> None:
        """Count the gradient of a batch, and step where it completes an update."""
        self._batches += 1
        if self.accumulate > 1:
            self._gather(samples)
            if self._batches < self.accumulate:
                return
        self._update(epoch, where, cause)

    def rest(self, epoch: int, where: str, cause: Callable[[], str]) -> None:
        """Step with the batches that the end of an epoch leaves."""
        if self._batches:
            self._update(epoch, where, cause)

    def _update(self, epoch: int, where: str, cause: Callable[[], str]) -> None:
        for name, total in self._sums.items():
            self.parameters[name].grad = total.div_(self._samples)
        self._batches, self._samples, self._sums = 0, 0, {}
        self.mixed.unscale(self.parameters.values())
        self.scales.gradients()
        norm = total_norm(self.parameters.values())
        if not self.mixed.takes(norm):
            return
        check_finite(norm, self.parameters, where, cause)
        self.health.gradient(norm, partial(gradient_norms, self.parameters), where)
        if self.clip is not None:
            clip_gradient(self.parameters, norm, self.clip)
        with self.scales.applied():
            self.optimizers.step()
        self.done += 1
        self.schedule.after_update()
        if self.averages is not None:
            self.averages.add(epoch)
        self.largest = max(self.largest, norm)

    def _gather(self, samples: int) -> None:
        """Add the gradient of a batch, times its samples, to the sums."""
        self._samples += samples
        for name, parameter in self.parameters.items():
            grad = parameter.grad
            if grad is not None:
                known = self._sums.get(name)
                self._sums[name] = grad * samples if known is None else known.add_(grad, alpha=samples)
