"""Norms on a variable of a population: what its threshold compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from ranvier.connectivity.affine import Affine, settled
from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from ranvier.neurons import CellNorm

__all__ = ["PopulationExtremum", "PopulationNorm", "norm_of"]

Tensor = torch.Tensor


def norm_of(
    norm: CellNorm, name: str, shape: tuple[int, ...] | None, dtype: torch.dtype
) -> PopulationNorm | PopulationExtremum:
    """The norm of the population ``name``, whose cells are ``shape``, as its cell wants it."""
    if not shape:
        raise ShapeError(
            f"{name!r} has a norm for each of its cells or channels, but no size yet: give it one, for example LIF(256, …)."
        )
    return (PopulationNorm if norm.threshold is None else PopulationExtremum)(norm, name, shape, dtype)


class PopulationNorm(nn.Module):
    """y = weight*(v - mean)/sqrt(var + eps) + bias for the cells ``shape`` of the population ``name``.

    Channels [C] are the first axis of the cells. Statistics are those over batch and space of each step in training, and
    running means outside.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: CellNorm, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.norm, self.shape, self.name = norm, shape, name
        self.weight, self.bias = (nn.Parameter(torch.full(shape[:1], v, dtype=dtype)) for v in (1.0, 0.0))
        for label, value in (("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(label, torch.full(shape[:1], value, dtype=dtype))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def values(self) -> dict[str, Tensor]:
        """Factor and shift of every cell, by the running statistics, under the names of the parameters."""
        return self._named(settled(self.running_mean, self.running_var, self.weight, self.bias, self.norm.eps))

    def values_for(self, v: Tensor, cell: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Factor and shift for the variable ``v`` [B, …] of one step, whose statistics move the running ones.

        ``cell`` has the parameters of the cell, which play no part here.
        """
        count = v.numel() // max(v.shape[1], 1)
        if count < 2:
            raise ShapeError(
                f"the norm of {self.name!r} needs more than one value per channel to learn from, got {tuple(v.shape)} [B, …]: use "
                f"larger batches, or call net.eval() first."
            )
        var, mean = torch.var_mean(v, (0, *range(2, v.ndim)), correction=0)
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean), self.norm.momentum)
            self.running_var.lerp_(var.to(self.running_var) * (count / (count - 1)), self.norm.momentum)
            self.num_batches_tracked += 1
        return self._named(settled(mean, var, self.weight, self.bias, self.norm.eps))

    def never(self) -> dict[str, Tensor]:
        """Factor and shift with which no cell reaches its threshold."""
        return self._named(Affine(torch.ones_like(self.running_var), torch.full_like(self.running_var, -1e30)))

    def _named(self, affine: Affine) -> dict[str, Tensor]:
        each = (len(self.weight), *(1 for _ in self.shape[1:]))
        scale, shift = (q.reshape(each).expand(self.shape) for q in affine)
        return {self.norm.scale: scale, self.norm.shift: shift}


class PopulationExtremum(nn.Module):
    """y = v/E for the cells ``shape`` of a population: E = sum z**2/sum z over batch and cells, z being v in thresholds between 0 and 1.

    E is that of each step in training, without a gradient, and a running mean outside.
    """

    running_extremum: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: CellNorm, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.norm, self.shape, self.name = norm, shape, name
        self.register_buffer("running_extremum", torch.tensor(1.0, dtype=dtype))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def values(self) -> dict[str, Tensor]:
        """Factor and shift of every cell, by the running mean, under the names of the parameters."""
        return self._named(self.running_extremum, 0.0)

    @torch.no_grad()
    def values_for(self, v: Tensor, cell: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Factor and shift for the variable ``v`` [B, …] of one step, whose extremum moves the running one."""
        z = (v / cell[str(self.norm.threshold)].to(v)).clamp(0, 1)
        extremum = (z.square().sum() / z.sum().clamp(min=1e-12)).clamp(min=self.norm.eps)
        self.running_extremum.lerp_(extremum.to(self.running_extremum), self.norm.momentum)
        self.num_batches_tracked += 1
        return self._named(extremum, 0.0)

    def never(self) -> dict[str, Tensor]:
        """Factor and shift with which no cell reaches its threshold."""
        return self._named(torch.ones_like(self.running_extremum), -1e30)

    def _named(self, extremum: Tensor, shift: float) -> dict[str, Tensor]:
        scale = extremum.reciprocal().expand(self.shape)
        return {self.norm.scale: scale, self.norm.shift: torch.full_like(scale, shift)}
