"""Convolution over space with a delay, if wanted, for every synapse of its kernel."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ranvier.connectivity._convolution import ARGUMENTS, Convolution
from ranvier.connectivity._delayed_kernel import DelayedKernel
from ranvier.connectivity._interpolation import tap_product
from ranvier.connectivity._memory import check_weights
from ranvier.connectivity.transform import Placement
from ranvier.errors import ShapeError
from ranvier.kernels import products

__all__ = ["Conv2d"]

Tensor = torch.Tensor


class Conv2d(DelayedKernel, Convolution, nn.Conv2d):
    """``torch.nn.Conv2d`` at every step, whose kernel elements [out, in, height, width] may each act later.

    Every place shares the kernel, and with it the delays. With delays the input is laid out patch by patch, height x
    width times its size, and then carried as by :class:`ranvier.Linear`.

    Parameters
    ----------
    delay, interpolation, width
        As in :class:`ranvier.Linear`.
    per
        ``"synapse"``, or one delay for each input channel (``"pre"``) or output channel (``"post"``).
    sign
        As in :class:`ranvier.Linear`, per input channel.
    options
        Those of ``torch.nn.Conv2d``; padding must be by a number of zeros where there are delays.

    >>> conv = rv.Conv2d(2, 32, 5, delay=rv.Learn(rv.Uniform(0*ms, 10*ms), max=10*ms))
    """

    arguments = ARGUMENTS

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], *, delay: Any = None,
        per: str = "synapse", interpolation: str = "linear", width: Any = None, sign: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        self._check_size(in_channels, out_channels, kernel_size, options.get("groups", 1), delay is not None)
        super().__init__(in_channels, out_channels, kernel_size, **options)
        if delay is not None and (self.padding_mode != "zeros" or isinstance(self.padding, str)):
            raise ShapeError(
                f"Conv2d: delays need padding by a number of zeros, got padding={self.padding!r}, "
                f"padding_mode={self.padding_mode!r}."
            )
        each = torch.as_tensor(0 if sign is None else sign).ndim > 0
        if self.groups != 1 and ((delay is not None and per == "pre") or each):
            what = "a sign" if each else "a delay"
            raise ShapeError(
                f"Conv2d: {what} for each input channel needs groups=1, got groups={self.groups}: give one for all, or "
                f"each of delays per='synapse' or 'post'."
            )
        self.keep_delay(delay, per, interpolation, width)
        self.keep_sign(sign)

    @staticmethod
    def _check_size(in_channels: Any, out_channels: Any, kernel_size: Any, groups: Any, delayed: bool) -> None:
        sides = tuple(kernel_size) if isinstance(kernel_size, tuple | list) else (kernel_size, kernel_size)
        sizes = (in_channels, out_channels, *sides)
        if len(sizes) != 4 or any(not isinstance(n, int) or n <= 0 for n in sizes):
            raise ShapeError(
                f"Conv2d: in_channels={in_channels!r}, out_channels={out_channels!r}, kernel_size={kernel_size!r}: give positive "
                "whole numbers, one or two for the kernel."
            )
        weights = math.prod(sizes) // groups if isinstance(groups, int) and groups > 0 else 0
        check_weights(weights, delayed, f"Conv2d with {weights:,} weights", "use fewer channels or a smaller kernel")

    def forward(
        self, input: Tensor, history: Tensor | None = None, place: Placement | None = None, by_event: bool = False
    ) -> Tensor:
        """``input`` [B, in, H, W] -> [B, out, H', W'], without delay; with ``history`` and ``place`` as :meth:`delayed`."""
        if history is not None and place is not None:
            return self.delayed(input, history, place, by_event)
        return self._conv_forward(input, self.effective_weight(), self.bias)

    def delayed(self, x: Tensor, history: Tensor, place: Placement, by_event: bool = False) -> Tensor:
        """``x`` [T, B, in, H, W] with every synapse's own delay; ``history`` [D, B, in, H, W] are the steps before."""
        taps, first = self.taps(place)
        now, before = self._patches(x), self._patches(history)
        product = products.delayed_linear if by_event else tap_product
        parts = zip(
            *(
                now.chunk(self.groups, -1),
                before.chunk(self.groups, -1),
                taps.chunk(self.groups),
                first.chunk(self.groups),
            ),
            strict=True,
        )
        out = torch.cat([product(n, t.flatten(1, 3), f.flatten(1), b) for n, b, t, f in parts], -1)
        height, width = (self._size(x.shape[k], k - 3) for k in (3, 4))
        out = out.reshape(x.shape[0], x.shape[1], height, width, self.out_channels).permute(0, 1, 4, 2, 3)
        return out if self.bias is None else out + self.bias.reshape(-1, 1, 1)

    def _patches(self, x: Tensor) -> Tensor:
        """[T, B, in, H, W] as [T, B * places, in * height * width]."""
        steps, batch = x.shape[:2]
        if steps == 0:
            places = self._size(x.shape[3], 0) * self._size(x.shape[4], 1)
            return x.new_zeros(0, batch * places, self.weight[0].numel() * self.groups)
        patches = nn.functional.unfold(x.flatten(0, 1), self.kernel_size, self.dilation, self._zeros(), self.stride)
        return patches.unflatten(0, (steps, batch)).transpose(2, 3).flatten(1, 2)

    def _zeros(self) -> tuple[int, ...]:
        """Zeros added at either side of each axis."""
        if isinstance(self.padding, str):
            raise ShapeError(f"Conv2d: delays need padding by a number of zeros, got padding={self.padding!r}.")
        return self.padding

    def _size(self, given: int, axis: int) -> int:
        reach = self.dilation[axis] * (self.kernel_size[axis] - 1)
        return (given + 2 * self._zeros()[axis] - reach - 1) // self.stride[axis] + 1
