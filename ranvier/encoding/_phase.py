"""Phase: the bits of a value, one per phase of a clock."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.encoding._checks import shares, step_count
from ranvier.errors import RanvierError
from ranvier.values import is_whole

__all__ = ["phase", "phase_weights"]

Tensor = torch.Tensor


def phase(x: Any, steps: int, *, bits: int = 8) -> Tensor:
    """Binary digits as spikes, most significant first, again in every period of ``bits`` steps.

        s[t] = bit (t mod K) of min(⌊x 2^K⌋, 2^K - 1),   x ≈ Σ over a period of s[t] 2^-(1 + t mod K)

    within 2^-K, when each spike is weighted by its phase (:func:`phase_weights`).

    Parameters
    ----------
    x
        [B, …] from 0 to 1.
    steps
        T.
    bits
        K, phases of a period (at most 24).

    Returns
    -------
    Tensor
        [T, B, …] of 0 and 1 in the dtype of ``x``.

    Source: Kim, Kim, Huh, Lee & Choi, Neurocomputing 311, 373 (2018).

    Examples
    --------
    >>> rv.encoding.phase(torch.tensor([[0.625]]), 4, bits=4).flatten()  # 0.1010 in binary
    tensor([1., 0., 1., 0.])
    """
    value, bits = shares(x), _bits(bits)
    whole = (value.double() * 2**bits).floor().clamp(max=2**bits - 1).long()
    place = bits - 1 - torch.arange(step_count(steps, each=value), device=value.device) % bits
    return (whole[None] >> place.reshape(-1, *[1] * value.ndim) & 1).to(value.dtype)


def phase_weights(steps: int, *, bits: int = 8) -> Tensor:
    """2^-(1 + t mod K) for every step [T]: the weight of a spike of :func:`phase`.

    >>> rv.encoding.phase_weights(3)
    tensor([0.5000, 0.2500, 0.1250])
    """
    return 2.0 ** -(1.0 + torch.arange(step_count(steps)) % _bits(bits))


def _bits(bits: int) -> int:
    if not is_whole(bits) or bits > 24:
        raise RanvierError(f"bits={bits!r}: give a whole number from 1 to 24")
    return bits
