"""Which external inputs are dense, seen from a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ranvier.network.look import numbers_of

__all__ = ["dense_among"]

Tensor = torch.Tensor
#: below this fraction of non-zero entries an external input counts as spikes
_SPARSE = 0.3
#: numbers looked at to tell
_SAMPLE = 4096


def dense_among(inputs: Mapping[str, Tensor]) -> frozenset[str]:
    """The names of the inputs that are not spikes."""
    return frozenset(n for n, x in inputs.items() if _density(x) > _SPARSE)


def _density(x: Tensor) -> float:
    """Fraction of non-zero numbers, from an evenly spaced sample; an odd distance meets channels of every even number."""
    distance = x.numel() // _SAMPLE | 1
    if x.numel() <= _SAMPLE:
        sample = x.detach().reshape(-1)
    elif x.is_contiguous():
        sample = x.detach().view(-1)[::distance]
    else:
        sample = torch.take(x.detach(), torch.arange(0, x.numel(), distance, device=x.device))
    numbers = numbers_of(sample)
    count = torch.count_nonzero(sample) if numbers is None else np.count_nonzero(numbers)
    return float(count) / max(1, sample.numel())
