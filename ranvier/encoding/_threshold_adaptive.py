"""Learned thresholds: an encoder that is trained with the network behind it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ranvier.encoding._checks import series, step_count
from ranvier.encoding._spike import spike
from ranvier.errors import RanvierError, ShapeError
from ranvier.surrogates import ArcTan, Surrogate

__all__ = ["ThresholdAdaptive"]

Tensor = torch.Tensor


class ThresholdAdaptive(nn.Module):
    """Several cells per channel, each firing when a learned feature of the signal crosses its own learned threshold.

        y = G x,   s_k = H(y_k - θ_k),   θ_k > 0

    where x is a channel over the last ``window`` steps, G a learned row per cell and H the step function with a
    surrogate derivative, so that G and θ learn from whatever loss the network behind has. :meth:`regulariser` keeps
    the code faithful and sparse: it is the squared difference of what the spikes say together, Σ_k a_k s_k, from
    the signal itself, and the mean rate above ``rate``.

    Parameters
    ----------
    channels
        C.
    cells
        K per channel.
    window
        Steps of the signal that a feature sees, the present one included.
    rate
        Mean spikes per step and cell that cost nothing.
    surrogate
        Derivative of the spike.
    generator
        Decides the initial values; None takes torch's own.

    Source: in the spirit of STAL, Hens et al., arXiv:2407.08362 (2024): trainable thresholds, a reconstruction term and
    a term for sparsity; their encoder flattens a whole window through dense layers, ours is causal and runs along time.

    Examples
    --------
    >>> encoder = rv.encoding.ThresholdAdaptive(6, cells=4, window=8)
    >>> encoder(torch.randn(100, 32, 6)).shape
    torch.Size([100, 32, 24])
    """

    def __init__(
        self,
        channels: int,
        *,
        cells: int = 4,
        window: int = 8,
        rate: float = 0.1,
        surrogate: Surrogate | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if channels < 1 or not 0 <= rate <= 1:
            raise RanvierError(f"channels={channels}, rate={rate}: give at least one channel, a rate from 0 to 1")
        self.channels, self.cells, self.window, self.rate = channels, step_count(cells), step_count(window), rate
        self.surrogate = ArcTan() if surrogate is None else surrogate
        gain = torch.randn(channels, cells, 1, generator=generator).sign()  # half of the cells see rises, half falls
        noise = torch.randn(channels, cells, window, generator=generator) / (3 * window**0.5)
        noise[..., -1] += gain[..., 0]
        self.gain = nn.Parameter(noise)
        spread = (torch.arange(cells) + 0.5) / cells * 2
        self.raw_threshold = nn.Parameter(torch.log(torch.expm1(spread)).expand(channels, cells).clone())
        self.value = nn.Parameter(gain[..., 0] / cells)

    @property
    def threshold(self) -> Tensor:
        """θ [C, K], above 0 in units of the signal."""
        return nn.functional.softplus(self.raw_threshold)

    def forward(self, x: Any) -> Tensor:
        """Signal [T, B, C] to spikes [T, B, C·K], the cells of a channel side by side."""
        signal = series(x)
        if signal.ndim != 3 or signal.shape[2] != self.channels:
            raise ShapeError(f"x has shape {tuple(signal.shape)}; expected [T, B, {self.channels}]")
        steps, batch, _ = signal.shape
        rows = nn.functional.pad(signal.permute(1, 2, 0), (self.window - 1, 0))
        weight = self.gain.reshape(self.channels * self.cells, 1, self.window)
        feature = nn.functional.conv1d(rows, weight.to(rows.dtype), groups=self.channels)
        above = feature.permute(2, 0, 1) - self.threshold.reshape(-1)
        return spike(above, self.surrogate).reshape(steps, batch, -1)

    def regulariser(self, x: Tensor, spikes: Tensor) -> Tensor:
        """mean (x - Σ_k a_k s_k)² + mean max(rate of a cell - ``rate``, 0): add it, weighted, to the loss."""
        told = (spikes.unflatten(-1, (self.channels, self.cells)) * self.value).sum(-1)
        excess = (spikes.mean((0, 1)) - self.rate).clamp(min=0)
        return ((x - told) ** 2).mean() + excess.mean()
