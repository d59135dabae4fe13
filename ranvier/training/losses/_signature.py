"""A distance between laws of spike trains: expected truncated signatures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training._times import milliseconds
from ranvier.training.losses.loss import Kind, Loss, series
from ranvier.values import is_whole

__all__ = ["SignatureMMD"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SignatureMMD(Loss):
    """|mean over samples of S(out) - mean over samples of S(target)|**2: whether two sets of spike trains have the same law.

    S is the signature, truncated at ``level``, of the path (t/T, n_1(t), …, n_C(t)) that counts the spikes of each cell; the counts are
    divided by ``scale``. Its entries are iterated integrals, so S knows counts, times, and the order of spikes of different cells; the loss is
    the maximum mean discrepancy with the signature kernel, and which output belongs to which target does not matter.

    Parameters
    ----------
    level
        1, 2 or 3. Level 1 has only counts; level 2 adds mean times and the order of pairs. Level k has (C + 1)**k entries.
    scale
        A typical number of spikes of a cell.
    dt
        None: the gradient of a spike is by its size, as surrogates take it. The time step of the network: it is by its time, in 1/ms, as
        ``rv.rules.EventProp`` takes it; it then ignores that spikes can appear and vanish, so begin with about the right number.

    Targets are spike trains [S, T, C] of as many steps as the output [T, B, C].

    Raises
    ------
    TrainingError, ShapeError
        For another level, numbers that are not positive, a ``dt`` that is no time, and targets of another shape.

    Source: Holberg & Salvi, NeurIPS 2024; Kiraly & Oberhauser, JMLR 2019 (the kernel).

    >>> loss = rv.losses.SignatureMMD(level=2, dt=0.1*ms)
    """

    level: int = 2
    scale: float = 1.0
    dt: Any = None

    def __post_init__(self) -> None:
        if not is_whole(self.level) or self.level > 3:
            raise TrainingError(f"SignatureMMD: level={self.level!r} must be 1, 2 or 3.")
        if not isinstance(self.scale, int | float) or not 0 < self.scale < math.inf:
            raise TrainingError(f"SignatureMMD: scale={self.scale!r} must be a positive number.")
        if self.dt is not None:
            object.__setattr__(self, "dt", milliseconds(self.dt, "SignatureMMD", "dt"))

    @property
    def classifies(self) -> bool:
        """False: laws are compared."""
        return False

    @property
    def targets(self) -> Kind:
        """Any: spike trains."""
        return "any"

    def predict(self, out: Any, lengths: Tensor | None = None) -> None:
        """Nothing is read out."""

    def __call__(self, out: Any, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The squared distance of the mean signatures."""
        if lengths is not None:
            raise TrainingError("SignatureMMD compares trains of one length: leave lengths out.")
        s = series(out, self)
        if not isinstance(target, Tensor) or target.ndim != 3 or target.shape[1:] != s.shape[::2]:
            shape = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            raise ShapeError(
                f"SignatureMMD compares an output {tuple(s.shape)} [T, B, C] with targets {shape}: give spike trains "
                f"[S, T, C] = [S, {s.shape[0]}, {s.shape[2]}]."
            )
        wanted = target.transpose(0, 1).to(s)
        s = s if self.dt is None else _ByTime.apply(s, self.dt)
        return (self.signature(s).mean(0) - self.signature(wanted).mean(0)).square().sum()

    def signature(self, s: Tensor) -> Tensor:
        """The entries [B, …] of all levels, of spike trains [T, B, C]."""
        steps = s.new_full((*s.shape[:2], 1), 1 / len(s))
        zero = torch.zeros_like(s)
        # in each step time passes first, then the counts jump
        path = torch.stack([torch.cat([steps, zero], 2), torch.cat([0 * steps, s / self.scale], 2)], 1).flatten(0, 1)
        first = path.cumsum(0)
        out = [first[-1]]
        if self.level > 1:
            middle = first - path / 2
            second = torch.einsum("tbi,tbj->tbij", middle, path)
            out.append(second.sum(0).flatten(1))
        if self.level > 2:
            before = second.cumsum(0) - second
            rest = before + torch.einsum("tbi,tbj->tbij", (first - path) / 2 + path / 6, path)
            out.append(torch.einsum("tbij,tbk->bijk", rest, path).flatten(1))
        return torch.cat(out, 1)


class _ByTime(torch.autograd.Function):
    """The same numbers; what goes back is the derivative by the time of each spike, from one step to the next."""

    @staticmethod
    def forward(ctx: Any, s: Tensor, dt: float) -> Tensor:
        ctx.save_for_backward(s)
        ctx.dt = dt
        return s.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (s,), grad = ctx.saved_tensors, grads[0]
        moved = torch.zeros_like(grad)
        moved[:-1] = (grad[1:] - grad[:-1]) / ctx.dt
        return moved * s, None
