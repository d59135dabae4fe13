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
from ranvier.inference.labelled import check_classes, labelled
from ranvier.network import load
from ranvier.network.evaluating import evaluating

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
    for x, y in labelled(test_set, batch_size, "test_set"):
        steps = len(x)
        for net, found in zip(nets, right, strict=True):
            read = _read(net, x, readout, every)
            if read.shape[1] != len(y):
                raise ShapeError(f"{len(y)} samples gave outputs for {read.shape[1]}: outputs are [T, B, C] or [B, C].")
            check_classes(y, read)
            found.append((read.argmax(2) == y).T)
    return np.stack([torch.cat(found).double().numpy() for found in right]), steps


@torch.no_grad()
def _read(net: Callable[[Tensor], Any], x: Tensor, readout: Readout, every: int | None) -> Tensor:
    """Read-outs [K, B, C] of ``net`` in evaluation."""
    with evaluating(net) if isinstance(net, nn.Module) else nullcontext():
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
