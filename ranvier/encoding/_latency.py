"""Latency: the larger the value, the earlier its one spike."""

from __future__ import annotations

import math
from typing import Any

import torch

from ranvier.encoding._checks import series, shares, step_count
from ranvier.errors import RanvierError

__all__ = ["latency", "undo_latency"]

Tensor = torch.Tensor


def latency(x: Any, steps: int, *, threshold: float = 0.0, tau: float | None = None) -> Tensor:
    """One spike per value above ``threshold``, none for others.

    Linear, in step round((1 - x)(T - 1)); or, with ``tau`` in steps, when an integrator charged by x reaches the
    threshold, t = tau ln(x/(x - threshold)), rounded, and at most T - 1.

    Parameters
    ----------
    x
        [B, …] from 0 to 1.
    steps
        T.
    threshold
        Values up to it stay silent.
    tau
        None for the linear code; else the integrator's time constant in steps (``threshold`` above 0).

    Returns
    -------
    Tensor
        [T, B, …] of 0 and 1 in the dtype of ``x``.

    Source: Thorpe, Delorme & Van Rullen, Neural Networks 14, 715 (2001); the integrator as in Cramer et al., IEEE
    TNNLS 2020.

    Examples
    --------
    >>> rv.encoding.latency(torch.tensor([[1.0, 0.5, 0.0]]), 5).argmax(0), rv.encoding.latency(torch.tensor([[0.0]]), 5).sum()
    (tensor([[0, 2, 0]]), tensor(0.))
    """
    value = shares(x)
    last = step_count(steps, each=value) - 1
    _check(threshold, tau)
    fires = value > threshold
    if tau is None:
        time = (1 - value) * last
    else:
        time = tau * torch.log(value / (value - threshold).clamp(min=math.ulp(1.0))).clamp(max=float(last) + tau)
    step = time.nan_to_num(float(last)).round().clamp(0, last).long()
    out = torch.zeros(last + 1, *value.shape, dtype=value.dtype, device=value.device)
    return out.scatter_(0, step[None], fires.to(value.dtype)[None])


def undo_latency(spikes: Tensor, *, threshold: float = 0.0, tau: float | None = None) -> Tensor:
    """The values that :func:`latency` gave these first spikes [T, B, …]: x [B, …], 0 without a spike.

    Linear, x = 1 - t/(T - 1); or, with ``tau``, x = threshold/(1 - exp(-t/tau)), at most 1.

    Raises
    ------
    RanvierError, ShapeError
        Where ``threshold`` and ``tau`` are not those of an encoder, and for spikes without an axis of time.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.5, 0.0]])
    >>> rv.encoding.undo_latency(rv.encoding.latency(x, 5))
    tensor([[1.0000, 0.5000, 0.0000]])
    """
    value = series(spikes, "spikes")
    _check(threshold, tau)
    fired = value > 0
    first = fired.to(torch.uint8).argmax(0).to(value.dtype)
    charged = 1 - first / max(len(value) - 1, 1) if tau is None else threshold / -torch.expm1(-first / tau)
    return torch.where(fired.any(0), charged.clamp(max=1.0), torch.zeros_like(charged))


def _check(threshold: float, tau: float | None) -> None:
    if not 0 <= threshold < 1 or (tau is not None and not (tau > 0 and threshold > 0)):
        raise RanvierError(f"threshold={threshold}, tau={tau}: give 0 <= threshold < 1; with tau both above 0")
