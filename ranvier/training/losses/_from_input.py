"""Self-supervision: targets that are made from the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._around import Around
from ranvier.values import is_whole

__all__ = ["FromInput"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class FromInput(Around):
    """``loss`` with a target made from the input: its reconstruction, a forecast, or any function of it.

    Parameters
    ----------
    loss
        One of ``rv.losses`` that takes targets of every step, such as ``rv.losses.Regression(at="every")``.
    ahead
        Steps: the output at step t is compared with the input at t + ahead. The last ``ahead`` outputs do not count.
    make
        ``make(x)`` gives the targets [B, …] or [B, T, …] of an input x [B, T, …], batch first as the data hold it. None
        takes x itself.
    input
        Which input, where the network has several.

    Targets in the data are not read: ``train_set=(x, None)`` or ``(x,)`` will do.

    >>> forecast = rv.losses.FromInput(rv.losses.Regression(at="every"), ahead=5)
    >>> net = rv.Sequential(rv.Linear(20, 16), rv.LIF(16), rv.Linear(16, 20), rv.LeakyReadout(20), dt=1 * ms)
    >>> fit = rv.train(net, (x,), epochs=2, loss=forecast)
    """

    ahead: int = 0
    make: Callable[[Tensor], Tensor] | None = None
    input: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.ahead, 0):
            raise TrainingError(f"FromInput: ahead={self.ahead!r} must be a whole number of steps, 0 or more.")

    @property
    def per_step(self) -> bool:
        """That of the loss inside, where no step is left out."""
        return self.loss.per_step and not self.ahead

    def target_of(self, x: Any, target: Any) -> Tensor:
        """The targets [B, …] of an input [T, B, …]."""
        if isinstance(x, Mapping):
            if self.input not in x:
                raise TrainingError(
                    f"FromInput: input={self.input!r} is none of the inputs {', '.join(map(repr, x))}: name one."
                )
            x = x[self.input]
        x = (x.float() if x.dtype == torch.bool else x).transpose(0, 1)
        return x if self.make is None else self.make(x)

    def given(self, out: Any, target: Any, lengths: Tensor | None) -> tuple[Any, ...]:
        """Output, targets ``ahead`` steps later, and what is left of lengths."""
        k = self.ahead
        if k:
            steps = out.shape[0]
            shortest = steps if lengths is None else int(lengths.min())
            if shortest <= k or target.ndim < 2 or target.shape[1] != steps:
                raise ShapeError(
                    f"FromInput(ahead={k}): a sample has {shortest} steps, and targets have shape {tuple(target.shape)}: give "
                    f"samples of more than {k} steps, and targets [B, T, …] of every step."
                )
            out, target = out[:-k], target[:, k:]
            lengths = None if lengths is None else lengths - k
        return super().given(out, target, lengths)
