"""Convolutions that stay on the active sites of their input: submanifold sparse convolutions of planes and volumes."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import nn

from ranvier.connectivity._arguments import arguments_of
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.partial_shape import PartialShape, sizes_of
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["SubmanifoldConv2d", "SubmanifoldConv3d"]

Tensor = torch.Tensor
#: shares of active sites from which a dense convolution with a mask takes less time, without and with gradient (measured)
_DENSE, _DENSE_BACKWARD = 0.1, 0.25
#: channels, and sites along a kernel, in a file
_MOST = 1 << 16
_SIZES = ("in_channels", "out_channels", "kernel_size")


class _Submanifold(Transform, nn.Module):
    """What planes and volumes share."""

    delay = None
    axes: ClassVar[int]

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, *, bias: bool = False) -> None:
        super().__init__()
        for name, value in zip(_SIZES, (in_channels, out_channels, kernel_size), strict=True):
            if not is_whole(value):
                raise ShapeError(f"{self.kind}: {name}={value!r} must be a positive whole number.")
        if kernel_size % 2 == 0:
            raise ShapeError(
                f"{self.kind}: kernel_size={kernel_size} must be odd, so that its middle lies on the site that it computes."
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        shape = (out_channels, in_channels, *(kernel_size for _ in range(self.axes)))
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        reach = 1 / math.sqrt(math.prod(shape[1:]))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -reach, reach)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [rows, in, …] -> [rows, out, …]."""
        active = (x.detach() != 0).any(1)
        sites = active.nonzero()
        learns = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        if len(sites) > (_DENSE_BACKWARD if learns else _DENSE) * active.numel():
            convolve = nn.functional.conv2d if self.axes == 2 else nn.functional.conv3d
            x = x * active.unsqueeze(1)  # so that the gradient stays on the sites, too
            return convolve(x, self.weight, self.bias, padding=self.kernel_size // 2) * active.unsqueeze(1)
        rows = self._at_sites(x.movedim(1, -1)[sites.unbind(1)], sites, active.shape)
        out = rows.new_zeros(*active.shape, self.out_channels)
        return out.index_put(sites.unbind(1), rows).movedim(-1, 1)

    def _at_sites(self, rows: Tensor, sites: Tensor, shape: torch.Size) -> Tensor:
        """The output [sites, out] at ``sites`` [sites, 1 + axes] whose input is ``rows`` [sites, in]."""
        reach = self.kernel_size // 2
        padded = (shape[0], *(size + 2 * reach for size in shape[1:]))
        strides = [math.prod(padded[k + 1 :]) for k in range(len(padded))]
        place = (sites + sites.new_tensor([0] + [reach] * self.axes)) @ sites.new_tensor(strides)
        number = sites.new_full((math.prod(padded),), -1)
        number[place] = torch.arange(len(sites), device=sites.device)
        kernel = self.weight.flatten(2).permute(2, 1, 0)  # [elements, in, out]
        middle = len(kernel) // 2
        out = rows @ kernel[middle] if self.bias is None else torch.addmm(self.bias, rows, kernel[middle])
        for k, offset in enumerate(product(range(-reach, reach + 1), repeat=self.axes)):
            if k == middle:
                continue
            near = number[place + sum(o * s for o, s in zip(offset, strides[1:], strict=True))]
            (to,) = (near >= 0).nonzero(as_tuple=True)
            if len(to):
                out.index_add_(0, to, rows[near[to]] @ kernel[k])
        return out

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Channels and space."""
        if len(shape) != 1 + self.axes or shape[0] != self.in_channels:
            space = ("height", "width") if self.axes == 2 else ("depth", "height", "width")
            return f"takes ({self.in_channels}, {', '.join(space)}), got samples of shape {shape}."
        return None

    def takes(self) -> PartialShape:
        """Channels, then space."""
        return (self.in_channels, *(None for _ in range(self.axes)))

    def gives(self, shape: PartialShape) -> PartialShape:
        """Channels, then the same space."""
        sizes = sizes_of(shape, self.axes + 1) or (None,) * (self.axes + 1)
        return (self.out_channels, *sizes[1:])

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """Where every site is active."""
        return math.prod(made) * self.in_channels * self.kernel_size**self.axes

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Its sizes."""
        return arguments_of(self, (*_SIZES, "bias"))

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The transform of a file."""
        from ranvier.limits.tensors import fill

        sizes = {n: record.whole(n, 1) for n in _SIZES}
        for name, value in sizes.items():
            if value > _MOST:
                raise record.error(name, f"at most {_MOST}")
        with torch.device("meta"):
            self = cls(**sizes, bias=record.flag("bias"))
        fill(self, take, record.where)
        return self

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, {self.kernel_size}, bias={self.bias is not None}"


class SubmanifoldConv2d(_Submanifold):
    """A convolution of size k that computes only at active sites: y = 1[a site is active]*(W * x + b), padding k//2.

    A site of a sample is active in a step if any of its input channels is not 0. Activity does not spread: all other sites of the output are 0,
    without bias, so that stacks of these maps stay on the sites of the events. It computes products only for pairs of active neighbours. If
    many sites are active, a dense convolution with a mask computes the same output.

    The gradient reaches the input at active sites only. A norm after it would shift the zeros of inactive sites: scale weights by :func:`ranvier.initialize` instead.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        Of the kernel [out, in, k, k], k odd.
    bias
        Whether b [out] is learnt.

    Raises
    ------
    ShapeError
        Where a size is not a positive whole number, or k is even.

    Source: Graham, Engelcke & van der Maaten, CVPR 2018; for spikes Qiu et al., AAAI 2025 (E-3DSNN).

    >>> net = rv.Sequential(rv.SubmanifoldConv2d(2, 16), rv.LIF(), rv.SubmanifoldConv2d(16, 16), rv.LIF(), dt=1*ms)
    """

    axes = 2


class SubmanifoldConv3d(_Submanifold):
    """The submanifold convolution of a volume, with a kernel [out, in, k, k, k]; see :class:`ranvier.SubmanifoldConv2d`.

    >>> voxels = rv.encoding.voxels(torch.rand(4, 256, 3), 16, steps=4)  # [T, B, 1, 16, 16, 16]
    >>> net = rv.Sequential(rv.SubmanifoldConv3d(1, 8), rv.LIF(), nn.MaxPool3d(2), nn.Flatten(), rv.Linear(4096, 4), dt=1*ms)
    >>> net(voxels)[0].shape
    torch.Size([4, 4, 4])
    """

    axes = 3
