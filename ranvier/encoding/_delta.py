"""Delta: spikes when a signal has moved by a threshold (send on delta)."""

from __future__ import annotations

from typing import Any, Literal

import torch

from ranvier.encoding._checks import real, series
from ranvier.errors import RanvierError, ShapeError

__all__ = ["delta", "undo_delta"]

Tensor = torch.Tensor


def delta(x: Any, threshold: Any, *, start: Any = None, against: Literal["sent", "previous"] = "sent") -> Tensor:
    """As many up or down spikes per step as whole thresholds lie between the signal and a level.

        n[t] = trunc((x[t] - level[t-1]) / threshold),   level[t] = level[t-1] + threshold n[t]

    is the level sent so far, so |x[t] - level[t]| < threshold, always (up to rounding). With ``against="previous"`` the
    level is the previous value, level[t] = x[t]: a slow change sends no spikes, and :func:`undo_delta` drifts.

    Parameters
    ----------
    x
        [T, B, …].
    threshold
        Above 0; a number, or one per channel (broadcast against [B, …]).
    start
        Level before the first step; the first value where None.
    against
        ``"sent"`` (send on delta) or ``"previous"`` (threshold-based representation). For at most one spike per step,
        ``.clamp(max=1)``.

    Returns
    -------
    Tensor
        Counts [T, B, …, 2]: up in [..., 0], down in [..., 1].

    Source: Miskowicz, Sensors 6, 49 (2006); as in an event camera, Lichtsteiner, Posch & Delbruck, IEEE JSSC 43, 566 (2008);
    against the previous value, Petro, Kasabov & Kiss, IEEE TNNLS 31, 250 (2020).

    Examples
    --------
    >>> rv.encoding.delta(torch.tensor([[0.0], [1.1], [0.4]]), 0.5)[:, 0]
    tensor([[0., 0.],
            [2., 0.],
            [0., 1.]])
    """
    signal = series(x)
    size = _size(threshold, signal)
    level = signal[0].clone() if start is None else real(start, "start").to(signal).expand_as(signal[0]).clone()
    if against == "previous":
        count = torch.trunc(signal.diff(dim=0, prepend=level[None]) / size)
    elif against == "sent":
        count = torch.empty_like(signal)
        for t in range(len(signal)):
            torch.trunc((signal[t] - level) / size, out=count[t])
            level += size * count[t]
    else:
        raise RanvierError(f"against={against!r}: give 'sent' or 'previous'")
    return torch.stack([count.clamp(min=0), (-count).clamp(min=0) + 0.0], -1)


def undo_delta(spikes: Tensor, threshold: Any, start: Any) -> Tensor:
    """The level that the receiver of :func:`delta` knows after each step: start + threshold Σ (up - down), [T, B, …].

    >>> spikes = rv.encoding.delta(torch.tensor([[0.0], [1.1], [0.4]]), 0.5)
    >>> rv.encoding.undo_delta(spikes, 0.5, 0.0).flatten()
    tensor([0.0000, 1.0000, 0.5000])
    """
    if spikes.ndim < 3 or spikes.shape[-1] != 2:
        raise ShapeError(f"spikes have shape {tuple(spikes.shape)}; expected [T, B, …, 2], up and down")
    moved = (spikes[..., 0] - spikes[..., 1]).cumsum(0)
    return real(start, "start") + _size(threshold, moved) * moved


def _size(threshold: Any, signal: Tensor) -> Tensor:
    size = real(threshold, "threshold").to(signal)
    if not bool((size > 0).all()):
        raise RanvierError(f"threshold={threshold}: give values above 0")
    return size
