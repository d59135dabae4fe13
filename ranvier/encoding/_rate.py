"""Rate: the larger the value, the more spikes, at random times."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.encoding._checks import real, shares, step_count
from ranvier.errors import RanvierError
from ranvier.units import Hz, ms, strip

__all__ = ["bernoulli", "poisson"]

Tensor = torch.Tensor


def bernoulli(x: Any, steps: int, *, generator: torch.Generator | None = None) -> Tensor:
    """At most one spike per step, each with probability x: s[t] = 1 where u[t] < x, u uniform in [0, 1).

    Parameters
    ----------
    x
        Probabilities [B, …].
    steps
        T.
    generator
        Decides u; None takes torch's own.

    Returns
    -------
    Tensor
        [T, B, …] of 0 and 1 in the dtype of ``x``.

    Source: Adrian & Zotterman, J. Physiol. 61, 151 (1926), for the code; the draw is that of Bernoulli.

    Examples
    --------
    >>> rv.encoding.bernoulli(torch.tensor([[0.0, 1.0]]), 3).sum(0)
    tensor([[0., 3.]])
    """
    chance = shares(x)
    shape = (step_count(steps, each=chance), *chance.shape)
    u = torch.rand(shape, generator=generator, dtype=chance.dtype, device=chance.device)
    return (u < chance).to(chance.dtype)


def poisson(rate: Any, steps: int, dt: Any = 1 * ms, *, generator: torch.Generator | None = None) -> Tensor:
    """A count per step from the Poisson law of mean rate·dt.

    Parameters
    ----------
    rate
        [B, …], a quantity: ``50 * Hz``, ``x * Hz``.
    steps
        T.
    dt
        Length of a step.
    generator
        Decides the counts; None takes torch's own.

    Returns
    -------
    Tensor
        Counts [T, B, …].

    Source: Dayan & Abbott, Theoretical Neuroscience, section 1.4 (2001).

    Examples
    --------
    >>> spikes = rv.encoding.poisson(torch.full((8, 100), 50.0) * Hz, 200, 1 * ms)
    >>> 0.04 < spikes.mean() < 0.06
    tensor(True)
    """
    mean = real(strip(rate, Hz, "rate"), "rate") * float(strip(dt, ms, "dt"))
    if mean.numel() and float(mean.min()) < 0:
        raise RanvierError(f"rate={rate}: give rates of at least 0")
    return torch.poisson(mean.expand(step_count(steps, each=mean), *mean.shape), generator=generator)
