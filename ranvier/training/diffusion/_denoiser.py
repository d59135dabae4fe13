"""A spiking network as a model of noise."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.diffusion._process import Diffusion
from ranvier.values import is_whole

__all__ = ["Denoiser"]

Tensor = torch.Tensor


class Denoiser(nn.Module):
    """noise = mean over ``times`` steps of net(x_t with the code of t): a network as a model for :class:`Diffusion`.

    The image and the code of t arrive as the same currents in every step, and the output is averaged over steps.

    Parameters
    ----------
    net
        Input [T, B, C + codes, …], output [T, B, C, …].
    process
        The diffusion, which makes the code of t.
    times
        T, the steps of the network.

    Raises
    ------
    TrainingError
        Where ``net`` is not a network or ``process`` not a diffusion, and for ``times`` out of range.

    Source: Cao et al., WACV 2024 (spiking denoising diffusion probabilistic models).

    >>> process = rv.training.Diffusion(steps=100, codes=8)
    >>> net = rv.Sequential(*rv.blocks.unet(1 + 8, 1, (16, 32)), dt=1 * ms)
    >>> model = rv.training.Denoiser(net, process, times=4)
    >>> images = process.sample(model, (2, 1, 8, 8), steps=5)
    """

    def __init__(self, net: Network, process: Diffusion, times: int = 4) -> None:
        super().__init__()
        if not isinstance(net, Network):
            raise TrainingError(
                f"Denoiser takes a network, got {type(net).__name__}: give rv.Sequential or rv.Network."
            )
        if not isinstance(process, Diffusion):
            raise TrainingError(f"Denoiser: process={process!r} must be a rv.training.Diffusion.")
        if not is_whole(times):
            raise TrainingError(f"Denoiser: times={times!r} must be the positive number of steps of the network.")
        self.net, self.process, self.times = net, process, times

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise [B, C, …] in x [B, C, …] after steps t [B]."""
        given = self.process.with_time(x, t)
        return self.net(given.expand(self.times, *given.shape))[0].mean(0)
