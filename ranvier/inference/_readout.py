"""The read-out of a network while it runs: mean, sum or last of its outputs so far."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from ranvier._nearest import meant
from ranvier.errors import RanvierError, ShapeError

__all__ = ["Readout", "Running", "running"]

Tensor = torch.Tensor
Readout = Literal["mean", "sum", "last"]
_NAMES = get_args(Readout)


class Running:
    """The read-out [B, C] of the outputs that were added so far, step by step or several steps at once."""

    def __init__(self, readout: Readout) -> None:
        if readout not in _NAMES:
            found = meant(readout, _NAMES) if isinstance(readout, str) else ""
            raise RanvierError(f"readout={readout!r} is unknown.{found} Choose one of: {', '.join(_NAMES)}.")
        self.readout, self.steps = readout, 0
        self.held: Tensor | None = None

    def add(self, out: Tensor) -> Tensor:
        """The read-out after the outputs ``out`` [k, B, C] of the next k steps."""
        now = out[-1] if self.readout == "last" else out.sum(0)
        self.held = now if self.held is None or self.readout == "last" else self.held + now
        self.steps += len(out)
        return self.held / self.steps if self.readout == "mean" else self.held

    def take(self, samples: Tensor) -> None:
        """Go on with some samples alone."""
        self.held = None if self.held is None else self.held.index_select(0, samples)


def running(out: Tensor, readout: Readout = "mean", every: int = 1) -> Tensor:
    """What is read out after every step: r[t] = mean, sum or last of out[0], …, out[t].

    Parameters
    ----------
    out
        Outputs of a network [T, B, C].
    readout
        ``"mean"`` and ``"sum"`` of the outputs so far (spikes, currents), or ``"last"`` (a membrane that integrates by itself).
    every
        Read out after every so many steps, and after the last one.

    Returns [ceil(T/every), B, C].

    Raises
    ------
    ShapeError
        Where ``out`` is not [T, B, C] with at least one step.
    RanvierError
        For another ``readout``.

    >>> running = rv.inference.running(torch.tensor([0.0, 1.0, 2.0]).reshape(3, 1, 1))
    >>> running.flatten().tolist()
    [0.0, 0.5, 1.0]
    """
    if not isinstance(out, Tensor) or out.ndim != 3 or not len(out):
        found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(f"a running read-out takes outputs [T, B, C] of at least one step, got {found}.")
    read = Running(readout)
    return torch.stack([read.add(part) for part in out.split(every)])
