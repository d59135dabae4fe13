"""The values that an operation which is set up once keeps."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ranvier.kernels.provider import Kept
from ranvier.kernels.tasks import Fused

__all__ = ["kept_of"]

Tensor = torch.Tensor


def kept_of(task: Fused, past: Mapping[str, Tensor]) -> list[Kept]:
    """States of populations in order, then spikes in flight."""
    out = []
    for n, scan in task.members.items():
        out += [Kept(n, v, tuple(scan.shape), scan.dtype) for v in scan.step.states]
        out += [Kept(n, v, tuple(scan.shape), torch.int32) for v in scan.step.counters]
    return out + [Kept(n, None, tuple(h.shape), h.dtype, spikes=True) for n, h in past.items()]
