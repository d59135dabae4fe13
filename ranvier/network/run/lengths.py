"""Samples of different length in one batch: where each ends, and what counts of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch

from ranvier.errors import ShapeError
from ranvier.network.state.state import State

__all__ = ["frozen", "silence_after", "take_lengths", "window_borders"]

Tensor = torch.Tensor


def take_lengths(lengths: Any, steps: int, batch: int) -> Tensor:
    """Steps that belong to each sample [B], int64, from such numbers or from a mask [T, B] that is true, then false.

    Raises
    ------
    ShapeError
        Where they are of another shape, no whole numbers, or not between 0 and ``steps``; where a mask has a gap.
    """
    given = torch.as_tensor(lengths).detach().cpu()
    if given.dtype == torch.bool and given.ndim == 2 and given.shape == (steps, batch):
        if bool((given[1:] & ~given[:-1]).any()):
            raise ShapeError("the mask has a gap: a sample is a run of true steps from the first, then false.")
        return given.sum(0)
    if given.dtype == torch.bool or given.is_floating_point() or given.is_complex() or given.shape != (batch,):
        turned = given.shape in ((steps,), (batch, steps)) and steps != batch
        hint = " If the input is [B, T, …], pass x.transpose(0, 1): the first axis is time." if turned else ""
        raise ShapeError(
            f"lengths are {given.dtype} of shape {tuple(given.shape)}: give whole numbers of shape ({batch},), one for "
            f"each sample, or a mask of booleans ({steps}, {batch}).{hint}"
        )
    given = given.to(torch.int64)
    wrong = given[(given < 0) | (given > steps)]
    if wrong.numel():
        raise ShapeError(
            f"length {int(wrong[0])} does not fit an input of {steps} steps: give lengths from 0 to {steps}."
        )
    return given


def silence_after(x: Tensor, lengths: Tensor) -> Tensor:
    """``x`` [T, B, …] with zeros in the steps after each sample's end; no gradient passes there."""
    steps, batch = x.shape[:2]
    lengths = lengths.to(x.device)
    inside = torch.arange(steps, device=x.device).unsqueeze(1) < lengths
    return torch.where(inside.reshape(steps, batch, *(1 for _ in x.shape[2:])), x, x.new_zeros(()))


def window_borders(steps: int, border: int, lengths: Tensor | None) -> Iterator[tuple[int, int]]:
    """Steps [first, last) between the borders of windows and the ends of samples."""
    cuts = {*range(0, steps, border), steps} if steps else {0}
    if lengths is not None:
        cuts |= {int(n) for n in lengths.unique()}
    ordered = sorted(cuts)
    if ordered == [0]:
        yield 0, 0
    yield from pairwise(ordered)


def frozen(before: State, after: State, running: Tensor) -> State:
    """``after`` for the samples ``running`` [B], ``before`` for those that have ended; time goes on for all."""
    old = before.tensors()
    out: dict[str, Tensor] = {}
    for path, value in after.tensors().items():
        axis = 1 if path.startswith("history/") else 0
        shape = [1] * value.ndim
        shape[axis] = -1
        out[path] = torch.where(running.to(value.device).reshape(shape), value, old[path])
    return after.with_tensors(out)
