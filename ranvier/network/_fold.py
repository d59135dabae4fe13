"""Norms become part of the weights before them: what is run, exported or put on a chip has none."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ranvier.connectivity import Conv2d, Linear, StepBatchNorm, ThresholdBatchNorm
from ranvier.network._graph import GraphError
from ranvier.network._network import Network

__all__ = ["fold_norms"]

Tensor = torch.Tensor
_OURS = (StepBatchNorm, ThresholdBatchNorm)
_NORMS = (*_OURS, nn.BatchNorm1d, nn.BatchNorm2d)


def fold_norms(net: Network) -> Network:
    """A copy of ``net`` whose batch norms are folded into the ``Linear`` or ``Conv2d`` right before them.

    W' = g*W, b' = g*(b - mean) + bias with g = gain/sqrt(var + eps) per output, by the running statistics; delays stay
    as they are. The copy computes what ``net.eval()`` computes, and ``net`` itself stays as it is.

    Raises
    ------
    GraphError
        Where a norm follows something else, has no running statistics, or shares its weights; where signs would be lost.

    >>> chip = rv.fold_norms(net)
    """
    folded = copy.deepcopy(net).eval()
    uses = [id(m) for p in folded.projections.values() for m in p.chain]
    for name, p in list(folded.projections.items()):
        chain: list[nn.Module] = []
        for module in p.chain:
            if isinstance(module, _NORMS):
                before = chain[-1] if chain else None
                _fold(before, module, name, shared=before is not None and uses.count(id(before)) > 1)
            else:
                chain.append(module)
        if len(chain) < len(p.chain):
            folded.projections[name] = p.replaced(chain)
    folded._plans.clear()
    return folded


def _fold(before: nn.Module | None, norm: nn.Module, name: str, shared: bool) -> None:
    kind = type(norm).__name__
    if not isinstance(before, Linear | Conv2d | nn.Linear | nn.Conv2d) or shared:
        what = "weights that are used twice" if shared else type(before).__name__ if before else "nothing"
        raise GraphError(
            f"projection {name!r}: {kind} follows {what}; put it right after a Linear or Conv2d of its own."
        )
    mean, var = getattr(norm, "running_mean", None), getattr(norm, "running_var", None)
    if not isinstance(mean, Tensor) or not isinstance(var, Tensor):
        raise GraphError(f"projection {name!r}: {kind} keeps no running statistics, so nothing can be folded.")
    scale = torch.rsqrt(var + float(norm.eps))  # pyright: ignore[reportArgumentType]
    gain = norm.gain if isinstance(norm, _OURS) else norm.weight
    shift = norm.bias
    if isinstance(gain, Tensor):
        scale = scale * gain.detach()
    sign = getattr(before, "sign", None)
    if sign is not None and bool((scale < 0).any()):
        raise GraphError(
            f"projection {name!r}: {kind} has a negative scale, which would break the signs of the weights."
        )
    with torch.no_grad():
        bias = (0.0 if before.bias is None else before.bias) - mean
        bias = bias * scale + (shift if isinstance(shift, Tensor) else 0.0)
        before.weight.mul_(scale.reshape(-1, *(1 for _ in before.weight.shape[1:])))
        before.bias = nn.Parameter(bias)
