"""Transposed convolution over a plane with a delay, if wanted, for every synapse of its kernel."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.connectivity._delayed_convolution import DelayedConvolution
from ranvier.connectivity._patches import patches
from ranvier.connectivity._transposed import ARGUMENTS, Transposed

__all__ = ["ConvTranspose2d"]


class ConvTranspose2d(DelayedConvolution, Transposed, nn.ConvTranspose2d):
    """``torch.nn.ConvTranspose2d`` at every step, whose kernel elements [in, out/groups, height, width] may each act later.

    It enlarges a plane, as decoders do: each spike is spread over a window of the output. Every place shares the kernel,
    and with it the delays. With delays the input is laid out patch by patch, with zeros between its places. Parameters
    and options are those of :class:`ranvier.Conv2d`, with ``output_padding``.

    >>> conv = rv.ConvTranspose2d(8, 2, 4, stride=2, padding=1, delay=1*ms)
    """

    arguments = ARGUMENTS
    axes = 2
    inputs = 0
    output_padding: tuple[int, ...]

    def _gathering(self, each: Tensor) -> Tensor:
        """What a place gathers: kernels [in, out/groups, …] of each group exchanged and turned round."""
        grouped = each.unflatten(0, (self.groups, -1)).transpose(1, 2).flatten(0, 1)
        return grouped.flip(tuple(range(2, 2 + self.axes)))

    def _patches(self, x: Tensor) -> Tensor:
        """Patches of the input with zeros between and around its places."""
        spread = x.new_zeros(*x.shape[:3], *((n - 1) * s + 1 for n, s in zip(x.shape[3:], self.stride, strict=True)))
        spread[(..., *(slice(None, None, s) for s in self.stride))] = x
        around = [
            (d * (k - 1) - p, d * (k - 1) - p + o)
            for d, k, p, o in zip(self.dilation, self.kernel_size, self._zeros(), self.output_padding, strict=True)
        ]
        whole = nn.functional.pad(spread, [n for pair in reversed(around) for n in pair])
        return patches(whole, self.kernel_size, (1,) * self.axes, (0,) * self.axes, self.dilation)

    def _places(self, space: tuple[int, ...]) -> tuple[int, ...]:
        """The size of the output."""
        given = zip(
            space, self.stride, self._zeros(), self.dilation, self.kernel_size, self.output_padding, strict=True
        )
        return tuple((n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, s, p, d, k, o in given)
