"""Which steps of an output a loss reads, and the targets that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses._membrane import last_step
from ranvier.training.losses.loss import mean_over_time, within

__all__ = [
    "Place",
    "aligned",
    "by_sample",
    "check_place",
    "mean_of_samples",
    "own_steps",
    "read",
    "some_steps",
    "value_pairs",
]

Tensor = torch.Tensor
Place = Literal["mean", "every", "last"]
_PLACES = ("mean", "every", "last")


def check_place(at: Any, loss: str) -> None:
    """Raise TrainingError unless ``at`` is a place."""
    if at not in _PLACES:
        raise TrainingError(f"{loss}: at={at!r} is unknown: use 'mean', 'every' or 'last'.")


def read(o: Tensor, at: Place, lengths: Tensor | None) -> Tensor:
    """What is compared, [N, …]: a mean or last step for each sample, or every step of each sample, step after step.

    ``o`` [T, B, …] is zero after each sample's end.
    """
    if at != "every":
        return mean_over_time(o, lengths) if at == "mean" else last_step(o, lengths)
    inside = within(o, lengths)
    return o.flatten(0, 1) if inside is None else o[inside[..., 0]]


def by_sample(lengths: Tensor) -> Tensor:
    """The sample [N] of each row of :func:`read` for ``"every"``, where samples have ``lengths`` [B]."""
    steps = torch.arange(int(lengths.max()), device=lengths.device)
    return (steps.unsqueeze(1) < lengths).nonzero()[:, 1]


def mean_of_samples(each: Tensor, at: Place, lengths: Tensor | None) -> Tensor:
    """The mean of errors [N, …] of :func:`read`: over values and over each sample's own steps, then over samples."""
    if at != "every" or lengths is None:
        return each.mean()
    lengths = lengths.to(each.device)
    rows = each.reshape(len(each), -1).mean(1)
    return (rows / lengths[by_sample(lengths)]).sum() / len(lengths)


def aligned(target: Tensor, o: Tensor, at: Place, lengths: Tensor | None, tail: tuple[int, ...], loss: str) -> Tensor:
    """The targets of :func:`read`, [N, *tail]: ``target`` is [B, *tail], or for ``"every"`` also [B, T, *tail].

    Raises
    ------
    ShapeError
        For another shape; the message gives the right ones.
    """
    steps, batch = o.shape[:2]
    shape = tuple(target.shape)
    if at == "every":
        if shape == (batch, steps, *tail):
            each = target.transpose(0, 1)
        elif shape == (batch, *tail):
            each = target.unsqueeze(0).expand(steps, *shape)
        else:
            shown = ", ".join(map(str, ("B", "T", *tail)))
            raise ShapeError(
                f"{loss}(at='every') got targets of shape {shape} for an output of {steps} steps and {batch} samples: "
                f"give [{shown}] = {(batch, steps, *tail)}, or {(batch, *tail)} for the same in every step."
            )
        inside = within(o, lengths)
        return each.flatten(0, 1) if inside is None else each[inside[..., 0]]
    if shape != (batch, *tail):
        more = f", or at='every' for targets [B, T, …] of {steps} steps" if shape[:2] == (batch, steps) else ""
        raise ShapeError(
            f"{loss}(at={at!r}) compares an output {(batch, *tail)} with targets {shape}: give targets of the output's "
            f"shape, one for each sample{more}."
        )
    return target


def value_pairs(
    target: Any, o: Tensor, at: Place, lengths: Tensor | None, tail: tuple[int, ...], loss: str
) -> tuple[Tensor, Tensor]:
    """What is read of ``o``, [N, …], and its real targets [N, *tail]; errors are those of :func:`aligned` and of other targets."""
    values = _values_of(target, o, tail, loss)
    return read(o, at, lengths), aligned(values, o, at, lengths, tail, loss)


def _values_of(target: Any, o: Tensor, tail: tuple[int, ...], loss: str) -> Tensor:
    """Real targets in the type and on the device of ``o``; without a last axis of one value, they get it.

    Raises
    ------
    TrainingError
        For targets that are no real numbers.
    """
    if not isinstance(target, Tensor) or target.is_complex() or target.dtype == torch.bool:
        what = target.dtype if isinstance(target, Tensor) else type(target).__name__
        raise TrainingError(f"{loss} compares real numbers, got targets of {what}: convert them with .float().")
    target = target.to(o)
    steps, batch = o.shape[:2]
    alone = tail == (1,) and tuple(target.shape) in ((batch,), (batch, steps)) and target.shape[-1:] != (1,)
    return target.unsqueeze(-1) if alone or (tail == (1,) and target.ndim == 1) else target


def some_steps(target: Tensor, steps: Sequence[int] | Tensor) -> Tensor:
    """Targets [B, T, …] of some steps."""
    return target[:, torch.as_tensor(steps, device=target.device)]


def own_steps(target: Tensor, steps: Sequence[int] | Tensor, total: int, tail: tuple[int, ...]) -> Tensor:
    """Real targets of some steps of ``total``; those [B, *tail] of whole samples stay. One value needs no axis."""
    each = (target.shape[0], total)
    own = tuple(target.shape) == (*each, *tail) or (tail == (1,) and tuple(target.shape) == each)
    return some_steps(target, steps) if own else target
