"""A loss on the times of all spikes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.network import silence_after
from ranvier.training._times import milliseconds
from ranvier.training.losses.loss import Loss, series
from ranvier.values import is_whole

__all__ = ["VanRossum"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class VanRossum(Loss):
    """Mean over samples and cells of dt/tau * sum over t of (h*(s - y))[t]**2, the squared distance of two spike trains.

    h[k] = exp(-k*dt/tau) for ``order`` 1. For a higher order trains are filtered several times, and h rises before it falls.

    Parameters
    ----------
    tau
        Time constant of the filter [ms]: spikes closer than that count as similar.
    order
        How often trains are filtered.
    dt
        The step [ms] of the network.

    s [T, B, C] output spikes; targets y [B, T, C] spikes, as the data holds them.

    Raises
    ------
    TrainingError, ShapeError
        For numbers that are not positive, and for targets of another shape.

    Source: van Rossum, Neural Computation 2001; Shrestha & Orchard, NeurIPS 2018 (as a loss).

    >>> loss = rv.losses.VanRossum(tau=5*ms)
    >>> loss(torch.eye(3).unsqueeze(1), torch.eye(3).unsqueeze(0))  # the same spikes
    tensor(0.)
    """

    tau: Any
    order: int = 1
    dt: Any = 1.0

    def __post_init__(self) -> None:
        for name in ("tau", "dt"):
            object.__setattr__(self, name, milliseconds(getattr(self, name), "VanRossum", name))
        if not is_whole(self.order):
            raise TrainingError(f"VanRossum: order={self.order!r} must be a positive whole number.")

    @property
    def classifies(self) -> bool:
        """False."""
        return False

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The mean distance of the batch."""
        s = series(out, self, lengths)
        expected = (s.shape[1], s.shape[0], s.shape[2])
        if not isinstance(target, Tensor) or target.shape != expected:
            shape = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            raise ShapeError(
                f"VanRossum got targets {shape} for an output of {expected[1]} steps: give spikes [B, T, C] = {expected}."
            )
        far = self._filtered(s - target.to(s).transpose(0, 1))
        far = far if lengths is None else silence_after(far, lengths)
        return self.dt / self.tau * far.square().sum(0).mean()

    def predict(self, out: Any, lengths: Tensor | None = None) -> None:
        """None: no class is read out."""

    def _filtered(self, trains: Tensor) -> Tensor:
        """``trains`` [T, …] through the filter h[k] = binomial(k + order - 1, k)*exp(-k*dt/tau), by a product of spectra."""
        steps = trains.shape[0]
        k = torch.arange(steps, device=trains.device, dtype=torch.float64)
        ways = torch.lgamma(k + self.order) - torch.lgamma(k + 1) - math.lgamma(self.order)
        response = torch.exp(ways - k * self.dt / self.tau).to(trains).reshape(-1, *(1,) * (trains.ndim - 1))
        product = torch.fft.rfft(trains, 2 * steps, dim=0) * torch.fft.rfft(response, 2 * steps, dim=0)
        return torch.fft.irfft(product, 2 * steps, dim=0)[:steps]
