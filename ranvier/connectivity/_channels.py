"""A range of the channels that arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from torch import Tensor, nn

from ranvier.connectivity._arguments import argument, arguments_of
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Channels"]

_ARGUMENTS = ("first", "count")


class Channels(Transform, nn.Module):
    """y = x[first : first + count]: some channels of each sample, such as one of several populations side by side.

    x [rows, channels, …] and y [rows, count, …]; the spikes stay spikes.

    Parameters
    ----------
    first
        The first channel, counted from 0.
    count
        How many follow.

    Raises
    ------
    ShapeError
        For numbers that are not whole, or too small, and for samples with fewer channels.

    >>> keys = rv.Channels(16, 16)
    >>> keys(torch.rand(4, 48, 7, 7)).shape
    torch.Size([4, 16, 7, 7])
    """

    delay = None
    fixed = linear_in_input = rearranges = True

    def __init__(self, first: int, count: int) -> None:
        super().__init__()
        if not is_whole(first, least=0):
            raise ShapeError(f"Channels: first={first!r} must be a whole number of 0 or more.")
        if not is_whole(count):
            raise ShapeError(f"Channels: count={count!r} must be a positive whole number.")
        self.first, self.count = first, count

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, channels, …] -> [rows, count, …]."""
        if (trouble := self.refusal(tuple(x.shape[1:]))) is not None:
            raise ShapeError(f"Channels {trouble}")
        return x[:, self.first : self.first + self.count]

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """At least as many channels as it counts."""
        last = self.first + self.count
        if shape and shape[0] >= last:
            return None
        return f"takes channels {self.first} to {last - 1}, but a sample has shape {shape}: give the map before it {last} outputs or more."

    def gives(self, shape: PartialShape) -> PartialShape:
        """``count`` channels over the same space."""
        return (self.count, *shape[1:]) if shape and shape[0] is not ... else (self.count, ...)

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its arguments."""
        return arguments_of(self, _ARGUMENTS)

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The map of a file."""
        return cls(**{n: argument(record, n) for n in _ARGUMENTS})

    def extra_repr(self) -> str:
        return f"{self.first}, {self.count}"
