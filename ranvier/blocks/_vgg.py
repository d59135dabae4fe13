"""The stacks of small convolutions of VGG."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, convolution
from ranvier.connectivity import ThresholdBatchNorm
from ranvier.errors import ShapeError
from ranvier.neurons import LIF, Cell

__all__ = ["vgg"]

#: layers of the networks of Simonyan & Zisserman up to the flattening
_NAMED: dict[str, tuple[int | str, ...]] = {
    "vgg5": (64, "M", 128, 128, "M"),
    "vgg9": (64, 64, "M", 128, 128, "M", 256, 256, 256, "M"),
    "vgg11": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg16": (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"),
}


def vgg(
    in_channels: int, plan: str | Sequence[int | str], *, cell: MakeCell = LIF, norm: MakeNorm = ThresholdBatchNorm,
    pool: Callable[[int], nn.Module] = nn.AvgPool2d,
) -> tuple[nn.Module | Cell, ...]:  # fmt: skip
    """The convolutional part of a spiking VGG: a tuple of parts to unpack into ``rv.Sequential``.

    ``plan`` is ``"vgg5"``, ``"vgg9"``, ``"vgg11"``, ``"vgg16"``, or a list: a number is a convolution of size 3 with that many channels, a norm and
    a cell; ``"M"`` halves height and width by ``pool(2)``. ``cell()`` and ``norm(channels)`` make the parts.

    Raises
    ------
    ShapeError
        Where the plan is unknown or holds anything else.

    Source: Simonyan & Zisserman, ICLR 2015; spiking in Sengupta et al., Frontiers in Neuroscience 2019.

    >>> net = rv.Sequential(*rv.blocks.vgg(3, "vgg9"), nn.Flatten(), rv.Linear(4096, 10), dt=1*ms)
    """
    if isinstance(plan, str):
        if plan not in _NAMED:
            raise ShapeError(
                f"vgg: plan={plan!r} is unknown; use {', '.join(_NAMED)}, or a list such as [32, 'M', 64]."
            )
        plan = _NAMED[plan]
    parts: list[nn.Module | Cell] = []
    channels = in_channels
    for entry in plan:
        if entry == "M":
            parts.append(pool(2))
            continue
        if isinstance(entry, str):
            raise ShapeError(f"vgg: {entry!r} in the plan is neither a number of channels nor 'M'.")
        check_sizes("vgg", in_channels=channels, channels=entry)
        parts += [*convolution(channels, entry, norm), cell()]
        channels = entry
    return tuple(parts)
