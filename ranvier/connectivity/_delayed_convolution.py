"""What convolutions with delays have in common: checks of their arguments, and products with patches."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch

from ranvier.connectivity._delayed_kernel import DelayedKernel
from ranvier.connectivity._memory import check_weights
from ranvier.connectivity._options import check_options
from ranvier.connectivity._patches import patches, reached
from ranvier.connectivity.bound import BoundTransform
from ranvier.errors import ShapeError
from ranvier.kernels.products import carried
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import DelayedMatrixProduct
from ranvier.storages import Storage
from ranvier.values import is_whole

__all__ = ["DelayedConvolution"]

Tensor = torch.Tensor
_COUNT = {1: "one", 2: "one or two", 3: "one or three"}


class DelayedConvolution(DelayedKernel):
    """A kernel over a space of ``axes`` axes, each of whose elements may act later.

    A class of Ranvier inherits from this, from what its products are, and from a class of torch.
    """

    axes: ClassVar[int]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, ...], *, delay: Any = None,
        per: str = "synapse", interpolation: str = "linear", width: Any = None, sign: Any = None,
        storage: Storage | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self._check_size(in_channels, out_channels, kernel_size, options.get("groups", 1), delay is not None)
        check_options(type(self).__name__, self.axes, (in_channels, out_channels), options, self.inputs == 0)
        super().__init__(in_channels, out_channels, kernel_size, **options)  # pyright: ignore[reportCallIssue]
        kind = type(self).__name__
        if delay is not None and (self.padding_mode != "zeros" or isinstance(self.padding, str)):
            raise ShapeError(
                f"{kind}: delays need padding by a number of zeros, got padding={self.padding!r}, "
                f"padding_mode={self.padding_mode!r}."
            )
        side = ("output", "input")[self.inputs]  # groups share the kernels along the second axis of the weight
        each = side == "input" and torch.as_tensor(0 if sign is None else sign).ndim > 0
        late = delay is not None and per == {"input": "pre", "output": "post"}[side]
        if self.groups != 1 and (late or each):
            what = "a sign" if each else "a delay"
            raise ShapeError(
                f"{kind}: {what} for each {side} channel needs groups=1, got groups={self.groups}: give one for all, or "
                f"each of delays per='synapse' or {'post' if side == 'input' else 'pre'!r}."
            )
        self.keep_storage(storage)
        self.keep_delay(delay, per, interpolation, width)
        self.keep_sign(sign)

    @classmethod
    def _check_size(cls, in_channels: Any, out_channels: Any, kernel_size: Any, groups: Any, delayed: bool) -> None:
        sides = tuple(kernel_size) if isinstance(kernel_size, tuple | list) else (kernel_size,) * cls.axes
        sizes, kind = (in_channels, out_channels, *sides), cls.__name__
        if len(sides) != cls.axes or not all(map(is_whole, sizes)):
            raise ShapeError(
                f"{kind}: in_channels={in_channels!r}, out_channels={out_channels!r}, kernel_size={kernel_size!r}: give positive "
                f"whole numbers, {_COUNT[cls.axes]} for the kernel."
            )
        weights = math.prod(sizes) // groups if isinstance(groups, int) and groups > 0 else 0
        check_weights(weights, delayed, f"{kind} with {weights:,} weights", "use fewer channels or a smaller kernel")

    def forward(
        self,
        input: Tensor,
        history: Tensor | None = None,
        bound: BoundTransform | None = None,
        carrier: Runnable | None = None,
    ) -> Tensor:
        """``input`` [B, in, …] -> [B, out, …], without delay; with ``history`` and ``bound`` as :meth:`delayed`."""
        if history is not None and bound is not None:
            return self.delayed(input, history, bound, carrier)
        return self.product(input, self.effective_weight(), self.bias, carrier)

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``self(x)``, by ``carrier`` where the class computes as this one does."""
        own = type(self).forward is not DelayedConvolution.forward or "forward" in vars(self)
        return self(x) if own else self(x, carrier=carrier)

    def delayed(
        self, x: Tensor, history: Tensor, bound: BoundTransform, carrier: Runnable | None = None,
        held: tuple[Tensor, Tensor | None] | None = None,
    ) -> Tensor:  # fmt: skip
        """``x`` [T, B, in, …] with every synapse's own delay; ``history`` [D, B, in, …] are the steps before."""
        weight, bias = (self.effective_weight(), self.bias) if held is None else held
        taps, first = (self._gathering(t) for t in bound.taps(weight))
        now, before = self._patches(x), self._patches(history)
        parts = zip(
            *(
                now.chunk(self.groups, -1),
                before.chunk(self.groups, -1),
                taps.chunk(self.groups),
                first.chunk(self.groups),
            ),
            strict=True,
        )
        last = self.axes + 1
        each = [DelayedMatrixProduct(n, t.flatten(1, last), f.flatten(1, last), b) for n, b, t, f in parts]
        out = torch.cat([carried(carrier, task) for task in each], -1)
        out = out.reshape(*x.shape[:2], *self._places(x.shape[3:]), self.out_channels).movedim(-1, 2)
        return out if bias is None else out + bias.reshape(-1, *(1 for _ in range(self.axes)))

    def _gathering(self, each: Tensor) -> Tensor:
        """Numbers of the weight's shape [..., W] as [out, in/groups, kernel, W]: what a place gathers."""
        return each

    def _patches(self, x: Tensor) -> Tensor:
        """[T, B, in, …] as [T, B * places, in * numbers of the kernel]."""
        return patches(x, self.kernel_size, self.stride, self._zeros(), self.dilation)

    def _places(self, space: tuple[int, ...]) -> tuple[int, ...]:
        """The size of the output, for an input of size ``space``."""
        return reached(space, self.kernel_size, self.stride, self._zeros(), self.dilation)

    def _zeros(self) -> tuple[int, ...]:
        """Zeros added at either side of each axis."""
        if isinstance(self.padding, str):
            raise ShapeError(
                f"{type(self).__name__}: delays need padding by a number of zeros, got padding={self.padding!r}."
            )
        return self.padding
