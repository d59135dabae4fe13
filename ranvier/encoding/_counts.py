"""Real numbers as whole numbers of spikes relative to a threshold that adapts, and these numbers as spike trains."""

from __future__ import annotations

from typing import Any, Literal

import torch

from ranvier.encoding._checks import real
from ranvier.errors import RanvierError, ShapeError
from ranvier.values import is_whole

__all__ = ["adaptive_counts", "counts_of_trains", "trains_of_counts"]

Tensor = torch.Tensor
Code = Literal["binary", "ternary", "bitwise"]
_CODES = ("binary", "ternary", "bitwise")


def adaptive_counts(x: Any, k: float = 1.0) -> tuple[Tensor, Tensor]:
    """Whole numbers of spikes s = round(x/V_th), with a threshold V_th = mean(abs(x))/k over the last axis.

    Parameters
    ----------
    x
        [..., C] real numbers, such as the activations of a token.
    k
        Spikes of a channel of average size; a larger k is more exact. |x - s*V_th| is at most V_th/2.

    Returns
    -------
    tuple
        s [..., C] in the dtype of x, and V_th [..., 1]; where all x are 0, V_th is 1.

    Raises
    ------
    RanvierError
        Where k is not a positive number, or x is not finite.

    Source: Pan et al., 2025 (SpikingBrain, arXiv:2509.05276).

    Examples
    --------
    >>> rv.encoding.adaptive_counts(torch.tensor([1.0, -2.0, 0.1, 0.9]))
    (tensor([ 1., -2.,  0.,  1.]), tensor([1.]))
    """
    if isinstance(k, bool) or not isinstance(k, int | float) or not 0 < k < float("inf"):
        raise RanvierError(f"adaptive_counts: k={k!r} must be a positive number.")
    value = real(x)
    if not value.ndim:
        raise ShapeError("adaptive_counts: x is a single number; give [..., C].")
    threshold = value.abs().mean(-1, keepdim=True) / k
    threshold = torch.where(threshold > 0, threshold, torch.ones_like(threshold))
    return torch.round(value / threshold), threshold


def trains_of_counts(counts: Tensor, code: Code = "ternary", steps: int | None = None) -> Tensor:
    """Whole numbers as spike trains.

    ``"ternary"``: abs(s) spikes with the sign of s, in the first steps. ``"binary"``: spikes without sign; those of negative numbers have channels
    of their own, [T, ..., 2C]. ``"bitwise"``: the binary digits of abs(s) with the sign of s, the lowest first, so that T grows as the logarithm
    of the largest number; step t counts 2^t.

    Parameters
    ----------
    counts
        [..., C] whole numbers.
    code
        One of the three.
    steps
        T; None: as many as the largest number needs.

    Returns
    -------
    Tensor
        [T, ..., C] of -1, 0 and 1.

    Raises
    ------
    RanvierError
        For an unknown code, and numbers that are not whole or need more steps.

    Examples
    --------
    >>> rv.encoding.trains_of_counts(torch.tensor([3.0, -1.0]), "bitwise")
    tensor([[ 1., -1.],
            [ 1., -0.]])
    """
    _check_code(code)
    if not isinstance(counts, Tensor):
        raise RanvierError(f"counts are a {type(counts).__name__}: give a tensor, such as torch.tensor([3, -1]).")
    if not bool((counts.isfinite() & (counts == counts.round())).all()):
        raise RanvierError("counts are not whole numbers: make them by rv.encoding.adaptive_counts.")
    if steps is not None and not is_whole(steps):
        raise RanvierError(f"steps={steps!r} must be a positive whole number.")
    size = counts.abs()
    most = int(size.max()) if size.numel() else 0
    need = max(1, most.bit_length() if code == "bitwise" else most)
    if steps is not None and steps < need:
        raise RanvierError(f"steps={steps} are too few for {most} spikes in the {code} code: give at least {need}.")
    clock = torch.arange(steps or need, device=counts.device).view(-1, *[1] * counts.ndim)
    if code == "bitwise":
        return ((size.long() >> clock) & 1).to(counts) * counts.sign()
    trains = (clock < size).to(counts)
    if code == "ternary":
        return trains * counts.sign()
    return torch.cat([trains * (counts > 0), trains * (counts < 0)], -1)


def counts_of_trains(trains: Tensor, code: Code = "ternary") -> Tensor:
    """The whole numbers [..., C] that :func:`trains_of_counts` codes by these trains [T, ..., C or 2C].

    >>> s = torch.tensor([3.0, -1.0])
    >>> rv.encoding.counts_of_trains(rv.encoding.trains_of_counts(s, "binary"), "binary")
    tensor([ 3., -1.])
    """
    _check_code(code)
    if code == "bitwise":
        return torch.tensordot((2 ** torch.arange(len(trains))).to(trains), trains, 1)
    total = trains.sum(0)
    if code == "ternary":
        return total
    if trains.shape[-1] % 2:
        raise ShapeError(f"a binary train has two channels for each number, but there are {trains.shape[-1]}.")
    positive, negative = total.chunk(2, -1)
    return positive - negative


def _check_code(code: str) -> None:
    """Raise unless the code is known."""
    if code not in _CODES:
        raise RanvierError(f"code={code!r} is unknown: use {', '.join(map(repr, _CODES))}.")
