"""Burst: the larger the value, the more spikes and the closer together."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.encoding._checks import shares, step_count
from ranvier.errors import RanvierError

__all__ = ["burst"]

Tensor = torch.Tensor


def burst(x: Any, steps: int, *, spikes: int = 5, shortest: int = 1, longest: int | None = None) -> Tensor:
    """A burst from step 0 of n = ⌈N x⌉ spikes, one every ⌈longest - (longest - shortest) x⌉ steps.

    Parameters
    ----------
    x
        [B, …] from 0 to 1; 0 stays silent.
    steps
        T.
    spikes
        N, the most spikes of a burst.
    shortest, longest
        Steps between spikes at x = 1 and towards x = 0; ``longest`` is (T - 1)/(N - 1), at least ``shortest``, where
        None. Spikes that would come after the last step are lost.

    Returns
    -------
    Tensor
        [T, B, …] of 0 and 1 in the dtype of ``x``.

    Source: Guo, Fouda, Eltawil & Salama, Frontiers in Neuroscience 15, 638474 (2021).

    Examples
    --------
    >>> rv.encoding.burst(torch.tensor([[1.0]]), 6, spikes=3, shortest=2).flatten()
    tensor([1., 0., 1., 0., 1., 0.])
    """
    value = shares(x)
    total = step_count(steps, each=value)
    longest = max(shortest, (total - 1) // max(step_count(spikes) - 1, 1)) if longest is None else longest
    if not 1 <= shortest <= longest:
        raise RanvierError(f"shortest={shortest}, longest={longest}: give 1 <= shortest <= longest, in steps")
    number = torch.ceil(spikes * value)
    interval = torch.ceil(longest - (longest - shortest) * value)
    time = torch.arange(total, device=value.device, dtype=value.dtype).reshape(-1, *[1] * value.ndim)
    return ((time % interval == 0) & (time / interval < number)).to(value.dtype)
