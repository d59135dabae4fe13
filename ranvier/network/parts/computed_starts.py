"""Initial values that expressions give: computed in float64 from parameters, random numbers and other initial values."""

from __future__ import annotations

import math
from collections.abc import Mapping

import sympy as sp
import torch

from ranvier.dynamics import Start
from ranvier.errors import EquationError
from ranvier.kernels import eager
from ranvier.neurons import Cell
from ranvier.values import gaussian_quantile, key_of

__all__ = ["computed_starts"]

Tensor = torch.Tensor


def computed_starts(
    cell: Cell, known: Mapping[str, Tensor], whole: tuple[int, ...], seed: int, name: str, stream: int
) -> dict[str, Tensor]:
    """The initial values [B, …] of a population called ``name`` that are texts, float64 of shape ``whole``.

    ``known`` holds the parameters and the other initial values. Inputs and the time are 0 at the start.
    """
    if not cell.starts:
        return {}
    shape = whole[1:]
    size = math.prod(shape)
    like = torch.empty((), dtype=torch.float64)
    values = {
        **dict.fromkeys((*cell.system.inputs, "t"), like.new_zeros(())),
        "i": torch.arange(size, dtype=torch.float64).reshape(shape),
        "N": like.new_tensor(size),
        **{n: v.to(device="cpu", dtype=torch.float64) for n, v in known.items()},
    }
    out = {}
    for start in cell.starts:
        label = f"{name}.{start.variable}"
        drawn = {n: _drawn(kind, whole, seed, f"{label}.{n}", stream) for n, kind in start.draws.items()}
        found = eager.step_function(start.program, sp.Integer(0))({**values, **drawn}, like)[start.variable]
        values[start.variable] = torch.as_tensor(found, dtype=torch.float64)
        out[start.variable] = values[start.variable].expand(whole)
        _check_finite(out[start.variable], start, name)
    return out


def _drawn(kind: str, whole: tuple[int, ...], seed: int, label: str, stream: int) -> Tensor:
    """A number for each cell of each sample; number i of sample b is number b*size + i."""
    from ranvier.kernels.drawing import counted_uniforms  # not needed by networks with given values

    numbers = counted_uniforms(key_of(seed, label), math.prod(whole), stream=stream)
    return torch.from_numpy(gaussian_quantile(numbers) if kind == "randn" else numbers).reshape(whole)


def _check_finite(value: Tensor, start: Start, name: str) -> None:
    bad = torch.nonzero(~torch.isfinite(value.detach()))
    if not len(bad):
        return
    where = bad[0].tolist()
    cell = where[1] if len(where) == 2 else tuple(where[1:])
    raise EquationError(
        f"population {name!r}: {start.variable} of cell {cell} starts at {float(value[tuple(where)])}: keep it finite, for example "
        f"with where(condition, a, b).",
        line=start.line,
    )
