"""Which samples a network gets right, after all steps or after each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn

from ranvier.errors import RanvierError, ShapeError
from ranvier.inference import Readout, running
from ranvier.network import load
from ranvier.training.batches import open_batches

__all__ = ["Decider", "decided", "outcomes"]

Tensor = torch.Tensor
#: a network, the folder of a saved one, or a function of x [T, B, …]
Decider = nn.Module | str | os.PathLike[str] | Callable[[Tensor], Any]


def decided(value: Any, name: str) -> list[Callable[[Tensor], Any]]:
    """One or several deciders as functions; folders are loaded."""
    several = list(value) if isinstance(value, list | tuple) else [value]
    if not several:
        raise RanvierError(f"{name} is empty: give a network, or one for each seed.")
    loaded = [load(one) if isinstance(one, str | os.PathLike) else one for one in several]
    wrong = next((one for one in loaded if not callable(one) or isinstance(one, type)), None)
    if wrong is not None:
        raise RanvierError(
            f"{name} holds {wrong!r}, which decides nothing: give a network, the folder of a saved one, or a function of x [T, B, …]."
        )
    return loaded


def outcomes(
    nets: Sequence[Callable[[Tensor], Any]], test_set: Any, readout: Readout, every: int | None, batch_size: int
) -> tuple[np.ndarray, int]:
    """1 where a sample gets its class, [R, S, K], and the number of steps; K read-outs, one where ``every`` is None."""
    right: list[list[Tensor]] = [[] for _ in nets]
    steps = 0
    for x, y, lengths in open_batches(test_set, batch_size, None, "test_set").epoch(1):
        if not isinstance(x, Tensor) or lengths is not None:
            raise RanvierError("test_set must give one tensor [S, T, …] of sequences of equal length.")
        if not isinstance(y, Tensor) or y.ndim != 1 or y.is_floating_point():
            found = f"{y.dtype} of shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise RanvierError(f"targets of test_set are {found}: give a class for each sample, whole numbers [S].")
        steps = len(x)
        for net, found in zip(nets, right, strict=True):
            read = _read(net, x, readout, every)
            if read.shape[1] != len(y):
                raise ShapeError(f"{len(y)} samples gave outputs for {read.shape[1]}: outputs are [T, B, C] or [B, C].")
            low, high = (int(end) for end in y.aminmax())
            if low < 0 or high >= read.shape[2]:
                raise RanvierError(
                    f"target {low if low < 0 else high} is no class of {read.shape[2]} outputs: give 0 to {read.shape[2] - 1}."
                )
            found.append((read.argmax(2) == y).T)
    return np.stack([torch.cat(found).double().numpy() for found in right]), steps


@torch.no_grad()
def _read(net: Callable[[Tensor], Any], x: Tensor, readout: Readout, every: int | None) -> Tensor:
    """Read-outs [K, B, C] of ``net`` in evaluation."""
    with _evaluating(net):
        out = net(x)
    out = out[0] if isinstance(out, tuple) else out
    if not isinstance(out, Tensor) or out.ndim not in (2, 3) or out.shape[-1] < 2:
        found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(
            f"a decision needs outputs [T, B, C], or [B, C] without time, of at least two classes; got {found}."
        )
    if out.ndim == 2:
        if every is not None:
            raise ShapeError(
                f"an output of shape {tuple(out.shape)} has no steps: accuracy over steps needs [T, B, C]."
            )
        return out[None]
    return running(out, readout, every or len(out))


def _evaluating(net: Any) -> Any:
    if not isinstance(net, nn.Module) or not net.training:
        return nullcontext()
    return _Evaluating(net)


class _Evaluating:
    def __init__(self, net: nn.Module) -> None:
        self.modes = [(m, m.training) for m in net.modules()]
        self.net = net

    def __enter__(self) -> None:
        self.net.eval()

    def __exit__(self, *of_error: object) -> None:
        for module, training in self.modes:
            module.training = training
