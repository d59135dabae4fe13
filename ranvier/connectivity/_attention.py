"""Self-attention of spikes: queries, keys and values are populations side by side, and there is no softmax."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NoReturn, Self

import torch
from torch import nn

from ranvier.connectivity._arguments import argument, arguments_of
from ranvier.connectivity._fit import places
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.transform import Transform
from ranvier.errors import ProviderError, ShapeError
from ranvier.kernels.products import carried
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import AttentionProduct
from ranvier.values import is_positive, is_whole

if TYPE_CHECKING:
    from ranvier.kernels.step import Builder
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Attention"]

Tensor = torch.Tensor
_ARGUMENTS = ("channels", "heads", "scale", "steps")


class Attention(Transform, nn.Module):
    """y = scale * q (k^T v) for each head: spiking self-attention, a map between two populations without weights.

    x [rows, 3C, places …] holds the spikes of q, k and v side by side along its channels, and y has [rows, C, places …]. A token is
    a place: a pixel of [C, H, W], or an element of [C, N]. With q, k, v [N, d] of a head, d = C/heads, the product is taken as
    q (k^T v) or as (q k^T) v, whichever needs fewer operations. Sums of spikes are whole numbers, so both orders give exactly the same result where the scale is a power of two. All
    operands are spikes, so each product is a sum over events. The threshold of the cells after it can take over ``scale``: cells with
    V_th/scale and a scale of 1 fire the same spikes.

    Parameters
    ----------
    channels
        C: a multiple of ``heads``. The map before it has 3C outputs.
    heads
        Number of groups of channels that attend separately.
    scale
        The factor of all products; a power of two is exact.
    steps
        n: tokens of n steps attend to one another (STAtten). A sequence is divided into blocks of n steps from its start, and tokens attend only
        within their block. Taken as q (k^T v), the number of operations stays the same. A call, a window and a segment must then hold whole blocks.
        The output of a step depends on later steps of its block, so single steps are refused.

    Raises
    ------
    ShapeError
        For numbers that are not positive and whole, heads that do not divide the channels, a scale that is not a positive number, samples
        with another number of channels, and incomplete blocks.

    Sources: Zhou et al., ICLR 2023 (Spikformer); Lee et al., CVPR 2025 (spatial-temporal attention).

    >>> parts = rv.Conv1d(16, 48, 1), rv.LIF(), rv.Attention(16, heads=2), rv.LIF()
    >>> net = rv.Sequential(*parts, dt=1*ms)
    >>> net(torch.rand(4, 3, 16, 10))[0].shape
    torch.Size([4, 3, 16, 10])
    """

    delay = None
    fixed = True
    computed_as = "spikes as bits that are counted; other numbers by dense products"

    def __init__(self, channels: int, heads: int = 1, *, scale: float = 0.125, steps: int = 1) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("heads", heads), ("steps", steps)):
            if not is_whole(value):
                raise ShapeError(f"Attention: {name}={value!r} must be a positive whole number.")
        if channels % heads:
            raise ShapeError(
                f"Attention: heads={heads} must divide channels={channels}: give one of {_divisors(channels)}, or {channels + heads - channels % heads} "
                f"channels."
            )
        if not is_positive(scale):
            raise ShapeError(f"Attention: scale={scale!r} must be a positive finite number.")
        self.channels, self.heads, self.scale, self.steps = channels, heads, float(scale), steps
        self.time_major = steps > 1
        self.whole_steps, self.repeats = (steps, True) if steps > 1 else (None, False)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, 3C, …], or [T, B, 3C, …] where ``steps`` is above 1, -> C channels in their place."""
        return self.run(x, None)

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """The same, with its product by ``carrier``, which a plan has built; None: as the reference does."""
        if (trouble := self.refusal(tuple(x.shape[2 if self.time_major else 1 :]))) is not None:
            raise ShapeError(f"Attention {trouble}")
        if not self.time_major:
            return self._of_rows(x.flatten(2), carrier).unflatten(2, x.shape[2:])
        if (trouble := self.refuses_steps(len(x))) is not None:
            raise ShapeError(f"Attention {trouble}")
        blocks = x.flatten(3).unflatten(0, (-1, self.steps)).permute(0, 2, 3, 1, 4)  # [blocks, B, 3C, steps, N]
        y = self._of_rows(blocks.flatten(0, 1).flatten(2), carrier).unflatten(2, (self.steps, -1))
        y = y.unflatten(0, blocks.shape[:2]).permute(0, 3, 1, 2, 4).flatten(0, 1)
        return y.unflatten(3, x.shape[3:])

    def _of_rows(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``x`` [rows, 3C, N] -> [rows, C, N]."""
        return carried(carrier, AttentionProduct(x, self.heads, self.scale))

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """Two products for each head, in the cheaper order; of one step, where tokens of several attend."""
        tokens, width = prod(given[1:]), self.channels // self.heads
        return 2 * self.channels * tokens * min(width, tokens * self.steps)

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels, then at least one axis of tokens."""
        return places(shape, 3 * self.channels, f"3 x {self.channels}")

    def takes(self) -> PartialShape:
        """The channels of all operands, then any space."""
        return (3 * self.channels, ...)

    def gives(self, shape: PartialShape) -> PartialShape:
        """C channels over the same space."""
        return (self.channels, *shape[1:]) if shape and shape[0] is not ... else (self.channels, ...)

    def lower(self, builder: Builder, source: str, name: str) -> NoReturn:
        """Refuse.

        Raises
        ------
        ProviderError
            Always.
        """
        raise ProviderError(
            f"{name}: a step graph has no node for Attention, a product of spikes with spikes; run the network with torch."
        )

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its arguments."""
        return arguments_of(self, _ARGUMENTS)

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The map of a file."""
        return cls(**{n: argument(record, n) for n in _ARGUMENTS if n in record})

    def extra_repr(self) -> str:
        return f"{self.channels}, heads={self.heads}, scale={self.scale:g}" + (
            f", steps={self.steps}" if self.time_major else ""
        )


def _divisors(number: int) -> str:
    found = [n for n in range(1, min(number, 64) + 1) if number % n == 0]
    return ", ".join(map(str, found))
