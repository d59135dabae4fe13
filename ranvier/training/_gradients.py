"""The size of the gradient: measured per parameter, checked, and limited."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from ranvier.errors import TrainingError

__all__ = ["check_finite", "clip_gradient", "gradient_norms", "total_norm"]

#: numbers that are gathered to be summed at once, on one thread
_FEW = 1 << 15


@torch.no_grad()
def total_norm(parameters: Iterable[nn.Parameter]) -> float:
    """The Euclidean norm of the whole gradient, summed in float64."""
    grads = [q.grad for q in parameters if q.grad is not None]
    if not grads:
        return 0.0
    if len(grads) > 1 and sum(map(torch.Tensor.numel, grads)) <= _FEW:
        grads = [torch.cat([g.reshape(-1) for g in grads])]
    norms = [torch.linalg.vector_norm(g, dtype=torch.float64) for g in grads]
    return float(norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms)))


def gradient_norms(parameters: Mapping[str, nn.Parameter]) -> dict[str, float]:
    """The Euclidean norm of every parameter's gradient, by name."""
    graded = {n: q.grad for n, q in parameters.items() if q.grad is not None}
    if not graded:
        return {}
    with torch.no_grad():
        norms = [torch.linalg.vector_norm(g, dtype=torch.float64) for g in graded.values()]
        return dict(zip(graded, torch.stack(norms).tolist(), strict=True))


def check_finite(norm: float, parameters: Mapping[str, nn.Parameter], where: str, cause: Callable[[], str]) -> None:
    """Raise where the ``norm`` of the whole gradient is not finite; ``cause`` looks for the reason.

    Raises
    ------
    TrainingError
        Where a gradient is not finite: a step along it would destroy every parameter.
    """
    if not math.isfinite(norm):
        name = next((n for n, own in gradient_norms(parameters).items() if not math.isfinite(own)), "the parameters")
        raise TrainingError(f"the gradient of {name} is not finite in {where}, although the loss is; {cause()}.")


def clip_gradient(parameters: Mapping[str, nn.Parameter], norm: float, clip: float) -> None:
    """Scale the whole gradient, of the given norm, down to ``clip`` where it is longer."""
    if norm > clip:
        for parameter in parameters.values():
            if parameter.grad is not None:
                parameter.grad.mul_(clip / norm)
