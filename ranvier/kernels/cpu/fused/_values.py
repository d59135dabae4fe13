"""The values that enter an operation which is set up once, and that it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ranvier.kernels.provider import Kept
from ranvier.kernels.tasks import Fused

__all__ = ["fit", "kept_of"]

Tensor = torch.Tensor


def fit(tensors: Sequence[Tensor], wanted: Sequence[tuple[torch.Size | tuple[int, ...], torch.dtype]]) -> bool:
    """Whether kernels can take their addresses."""
    if len(tensors) != len(wanted):
        return False
    for t, (shape, dtype) in zip(tensors, wanted, strict=True):
        if (
            t.__class__ is not Tensor
            or t.dtype is not dtype
            or t.shape != shape
            or not t.is_contiguous()
            or not t.is_cpu
        ):
            return False
    return True


def kept_of(task: Fused, past: Mapping[str, Tensor]) -> list[Kept]:
    """States of populations in order, then spikes in flight."""
    out = []
    for n, scan in task.members.items():
        out += [Kept(n, v, tuple(scan.shape), scan.dtype) for v in scan.step.states]
        out += [Kept(n, v, tuple(scan.shape), torch.int32) for v in scan.step.counters]
    return out + [Kept(n, None, tuple(h.shape), h.dtype, spikes=True) for n, h in past.items()]
