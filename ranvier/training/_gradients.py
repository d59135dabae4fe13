"""The size of the gradient: measured per parameter, checked, and limited."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from ranvier.errors import TrainingError

__all__ = ["clip_gradient", "gradient_norms", "total_norm"]


def gradient_norms(parameters: Mapping[str, nn.Parameter]) -> dict[str, float]:
    """The Euclidean norm of every parameter's gradient, by name."""
    graded = {n: q.grad for n, q in parameters.items() if q.grad is not None}
    if not graded:
        return {}
    with torch.no_grad():
        norms = [torch.linalg.vector_norm(g, dtype=torch.float64) for g in graded.values()]
        return dict(zip(graded, torch.stack(norms).tolist(), strict=True))


def total_norm(norms: dict[str, float], where: str, cause: Callable[[], str]) -> float:
    """The norm of the whole gradient; ``cause`` looks for the reason where it is not finite.

    Raises
    ------
    TrainingError
        Where a gradient is not finite: a step along it would destroy every parameter.
    """
    for name, norm in norms.items():
        if not math.isfinite(norm):
            raise TrainingError(f"the gradient of {name} is not finite in {where}, although the loss is; {cause()}.")
    return math.sqrt(sum(norm * norm for norm in norms.values()))


def clip_gradient(parameters: Mapping[str, nn.Parameter], norm: float, clip: float) -> None:
    """Scale the whole gradient, of the given norm, down to ``clip`` where it is longer."""
    if norm > clip:
        for parameter in parameters.values():
            if parameter.grad is not None:
                parameter.grad.mul_(clip / norm)
