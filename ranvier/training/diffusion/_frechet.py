"""How far two sets of samples are apart, in features."""

from __future__ import annotations

import torch

from ranvier.errors import ShapeError

__all__ = ["frechet_distance"]

Tensor = torch.Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """d = |m_a - m_b|**2 + tr(C_a + C_b - 2*(C_a*C_b)**(1/2)) of features a [S, F] and b [R, F].

    m and C are means and covariances: the squared distance of two normal distributions. It depends on the network that makes the
    features and on the numbers of samples, which a report must name.

    Raises
    ------
    ShapeError
        Where the features are not two matrices of the same width with at least two rows each, or hold NaN or infinite numbers.

    Source: Dowson & Landau, Journal of Multivariate Analysis 1982; for generated images Heusel et al., NeurIPS 2017.

    >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> round(rv.training.frechet_distance(x, x + 2), 3)
    12.0
    """
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    for f in (a, b):
        if f.ndim != 2 or len(f) < 2 or f.shape[1:] != a.shape[1:] or not torch.isfinite(f).all():
            raise ShapeError(
                f"frechet_distance: features have shapes {tuple(a.shape)} and {tuple(b.shape)}; give finite numbers [samples, features] "
                f"with the same features, and at least two samples each."
            )
    x, y = a.double(), b.double()
    first, second = (torch.cov(f.T, correction=1).reshape(f.shape[1], -1) for f in (x, y))
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    both = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    return float((apart + first.trace() + second.trace() - 2 * both).clamp(min=0))
