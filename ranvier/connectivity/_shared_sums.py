"""Sums over places or channels that every member of the sum receives, from which cells make masks."""

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

__all__ = ["SumOfChannels", "SumOfPlaces"]


class SumOfPlaces(Transform, nn.Module):
    """y[c, n] = sum over places m of x[c, m]: each place receives the sum of its channel.

    x [rows, C, places …] and y have the same shape. The cells after it are equal at all places: a mask of channels.

    Raises
    ------
    ShapeError
        For samples without places.

    Source: Yao et al., NeurIPS 2023 (Spike-driven Transformer); Zhou et al., NeurIPS 2024 (QKFormer: channel attention).

    >>> rv.SumOfPlaces()(torch.tensor([[[1., 0., 1.], [0., 0., 1.]]]))
    tensor([[[2., 2., 2.],
             [1., 1., 1.]]])
    """

    delay = None
    fixed = linear_in_input = True

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, C, places …] -> the same shape."""
        if (trouble := self.refusal(tuple(x.shape[1:]))) is not None:
            raise ShapeError(f"SumOfPlaces {trouble}")
        return x.flatten(2).sum(2).reshape(*x.shape[:2], *(1 for _ in x.shape[2:])).expand_as(x).contiguous()

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, then at least one axis of places."""
        return None if len(shape) > 1 else f"takes samples [channels, places …], but a sample has shape {shape}."

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """None of multiplication: only sums."""
        return 0

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """It has no arguments."""
        return {}

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The map of a file."""
        return cls()


class SumOfChannels(Transform, nn.Module):
    """y[c, n] = sum over the channels b of the head of c of x[b, n]: each channel receives the sum of its head.

    x [rows, C, places …] and y have the same shape. The cells after it are equal in all channels of a head: a mask of places.

    Parameters
    ----------
    heads
        Groups of neighbouring channels, each with its own sum; they must divide C.

    Raises
    ------
    ShapeError
        For a number of heads that is not positive and whole, or does not divide the channels.

    Source: Zhou et al., NeurIPS 2024 (QKFormer: token attention).

    >>> rv.SumOfChannels(heads=2)(torch.tensor([[1., 1., 0., 1.]]))
    tensor([[2., 2., 1., 1.]])
    """

    delay = None
    fixed = linear_in_input = True

    def __init__(self, heads: int = 1) -> None:
        super().__init__()
        if not is_whole(heads):
            raise ShapeError(f"SumOfChannels: heads={heads!r} must be a positive whole number.")
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, C, places …] -> the same shape."""
        if (trouble := self.refusal(tuple(x.shape[1:]))) is not None:
            raise ShapeError(f"SumOfChannels {trouble}")
        grouped = x.unflatten(1, (self.heads, -1))
        return grouped.sum(2, keepdim=True).expand_as(grouped).flatten(1, 2)

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """A number of channels that the heads divide."""
        if shape and shape[0] % self.heads == 0:
            return None
        return f"has heads={self.heads}, which must divide the channels, but a sample has shape {shape}: give another number of heads."

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """None of multiplication: only sums."""
        return 0

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its arguments."""
        return arguments_of(self, ("heads",))

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The map of a file."""
        return cls(argument(record, "heads"))

    def extra_repr(self) -> str:
        return f"heads={self.heads}"
