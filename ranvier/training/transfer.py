"""Transfer between two domains in one network: aligned features, and samples of one that replace those of the other."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.errors import ShapeError, TrainingError
from ranvier.values import is_whole

__all__ = ["Alignment", "linear_cka", "replaced"]

Tensor = torch.Tensor


def linear_cka(a: Tensor, b: Tensor) -> Tensor:
    """The centred kernel alignment [T] of two sets of features: 1 if they agree up to rotation and scale, 0 if nothing agrees.

    CKA = <K, L> / (|K| |L|), where K = A A', L = B B', A and B [B, F] the features of one step minus their mean over samples, and
    <K, L> the sum of products. It is 0 where a set has the same features for all samples.

    Parameters
    ----------
    a, b
        Features [T, B, …] of the same B >= 2 samples, or of pairs of samples; they may have different numbers of features.

    Raises
    ------
    ShapeError
        For other shapes.

    Source: Kornblith et al., ICML 2019.

    >>> a = torch.rand(10, 32, 64)
    >>> rv.training.linear_cka(a, 2 * a).shape
    torch.Size([10])
    """
    if a.ndim < 3 or b.ndim < 3 or a.shape[:2] != b.shape[:2] or a.shape[1] < 2:
        raise ShapeError(
            f"linear_cka got features {tuple(a.shape)} and {tuple(b.shape)}: give both as [T, B, …], of as many steps and of at least "
            f"two pairs of samples."
        )
    k, l_ = (_kernel(x) for x in (a, b))
    sizes = (k * k).sum((1, 2)) * (l_ * l_).sum((1, 2))
    return (k * l_).sum((1, 2)) / sizes.clamp_min(torch.finfo(sizes.dtype).tiny).sqrt()


def _kernel(x: Tensor) -> Tensor:
    """Products of the features [T, B, …] of every two samples, [T, B, B], around their mean and in units of the largest."""
    flat = x.flatten(2)
    centred = flat - flat.mean(1, keepdim=True)
    largest = centred.detach().abs().amax((1, 2), keepdim=True)  # fourth powers of the features stay within range
    centred = centred / largest.clamp_min(torch.finfo(x.dtype).tiny)
    return centred @ centred.transpose(1, 2)


class Alignment(nn.Module):
    """In every step, weighs the loss of a domain against the disagreement of its features with those of another domain.

    mean over t of (1 - c[t]) * loss[t] + c[t] * (1 - CKA(a[t], b[t])), with c[t] = sigmoid(coefficient[t]) learnt from 1/2.

    Parameters
    ----------
    steps
        T.

    Called with the features a and b [T, B, …] of pairs of samples of the two domains, and the loss [T] of each step in the second
    domain. ``coefficient`` is an ordinary parameter: give it to the optimiser. Source: He et al., AAAI 2024 (static to event domain).

    >>> align = rv.training.Alignment(steps=10)
    >>> align(torch.rand(10, 32, 64), torch.rand(10, 32, 64), torch.rand(10)).ndim
    0
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        if not is_whole(steps):
            raise TrainingError(f"Alignment: steps={steps!r} must be a positive whole number.")
        self.coefficient = nn.Parameter(torch.zeros(steps))

    def forward(self, a: Tensor, b: Tensor, loss: Tensor) -> Tensor:
        """The balance of ``loss`` [T] and disagreement of ``a`` and ``b`` [T, B, …]."""
        if loss.shape != self.coefficient.shape or a.shape[:1] != loss.shape:
            raise ShapeError(
                f"Alignment(steps={len(self.coefficient)}) got {a.shape[0]} steps of features and losses {tuple(loss.shape)}: give one "
                f"loss for each step."
            )
        c = self.coefficient.sigmoid()
        return ((1 - c) * loss + c * (1 - linear_cka(a, b))).mean()

    def extra_repr(self) -> str:
        return f"steps={len(self.coefficient)}"


def replaced(x: Tensor, by: Tensor, share: float) -> Tensor:
    """The batch ``x`` [T, B, …], each sample of which is that of ``by`` with probability ``share``, drawn by torch's generator.

    Where ``share`` grows from 0 to 1 during a training, the network learns from one domain at first and from the other in the end.
    Source: He et al., AAAI 2024 (sliding training, share = (updates done / all updates)**3).

    Raises
    ------
    ShapeError, TrainingError
        Where shapes differ, or ``share`` is no probability.

    >>> still, moving = torch.rand(10, 32, 2, 17, 17), torch.rand(10, 32, 2, 17, 17)
    >>> rv.training.replaced(still, moving, 0.5).shape
    torch.Size([10, 32, 2, 17, 17])
    """
    if x.shape != by.shape or x.ndim < 2:
        raise ShapeError(
            f"replaced got {tuple(x.shape)} and {tuple(by.shape)}: give two batches [T, B, …] of one shape."
        )
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        raise TrainingError(f"replaced: share={share!r} is a probability: give a number from 0 to 1.")
    drawn = torch.rand(x.shape[1], device=x.device) < share
    return torch.where(drawn.reshape(-1, *(1 for _ in x.shape[2:])), by, x)
