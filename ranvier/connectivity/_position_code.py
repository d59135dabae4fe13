"""A learnt number for every channel at every place, by which cells tell places apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["PositionCode"]

Tensor = torch.Tensor


class PositionCode(Transform, nn.Module):
    """y = x + code: ``code`` [C, places …] is learnt, and is added to what arrives in every step.

    Attention treats all tokens alike. A code before the cells that feed it acts as a threshold that differs from place to place.
    Smaller samples use the first places along each axis.

    Parameters
    ----------
    channels
        C, the first axis of a sample.
    space
        The largest number of places along each further axis: ``PositionCode(64, 49)`` for [64, N], ``PositionCode(64, 7, 7)`` for [64, H, W].

    The code starts normal with a standard deviation of 0.02.

    Raises
    ------
    ShapeError
        For numbers that are not positive and whole, no space, samples of other axes or channels, and samples with more places.

    Source: Dosovitskiy et al., ICLR 2021 (learnt codes); Zhou et al., ICLR 2023, use a convolution instead, as in
    :func:`ranvier.blocks.spiking_stem`.

    >>> net = rv.Sequential(rv.Conv1d(8, 16, 1), rv.PositionCode(16, 20), rv.LIF(), dt=1*ms)
    >>> net(torch.rand(4, 3, 8, 20))[0].shape
    torch.Size([4, 3, 16, 20])
    """

    delay = None
    linear_in_input = True

    def __init__(self, channels: int, *space: int) -> None:
        super().__init__()
        if not space:
            raise ShapeError(
                f"PositionCode({channels!r}) has no places: give their number, as in PositionCode({channels!r}, 49)."
            )
        for value in (channels, *space):
            if not is_whole(value):
                raise ShapeError(f"PositionCode: {value!r} must be a positive whole number.")
        self.sizes = (channels, *space)
        self.code = nn.Parameter(torch.empty(self.sizes))
        nn.init.normal_(self.code, std=0.02)

    @property
    def constant(self) -> Tensor:
        """The code."""
        return self.code

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, C, …] -> the same shape."""
        shape = tuple(x.shape[1:])
        trouble = self.refusal(shape)
        if trouble is not None:
            raise ShapeError(f"PositionCode {trouble}")
        return x + self.code[tuple(slice(n) for n in shape)]

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Its channels, its axes, and no more places than it has."""
        if len(shape) != len(self.sizes) or shape[0] != self.sizes[0]:
            return (
                f"takes samples of up to {self.sizes}, but a sample has shape {shape}: give its channels and its axes."
            )
        if any(n > most for n, most in zip(shape, self.sizes, strict=True)):
            more = ", ".join(map(str, shape))
            return f"has a code for {self.sizes[1:]} places, but a sample has {shape[1:]}: make a longer one, rv.PositionCode({more}), or cut the sample."
        return None

    def takes(self) -> PartialShape:
        """Its channels, and its number of axes."""
        return (self.sizes[0], *(None for _ in self.sizes[1:]))

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """None: it adds."""
        return 0

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """A sum with its numbers."""
        from ranvier.connectivity.lowering import lower_rows

        return lower_rows(self, self, builder, source, name)

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its sizes."""
        return {"sizes": list(self.sizes)}

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The code of a file."""
        from ranvier.connectivity._arguments import argument
        from ranvier.limits.tensors import fill

        sizes = argument(record, "sizes")
        if not isinstance(sizes, tuple):
            raise record.error("sizes", "a list of whole numbers")
        with torch.device("meta"):
            self = cls(*sizes)
        fill(self, take, record.where)
        return self

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.sizes))
