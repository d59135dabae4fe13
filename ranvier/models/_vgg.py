"""Stacks of small convolutions with pooling."""

from __future__ import annotations

from typing import Any

from ranvier.blocks import vgg
from ranvier.errors import ShapeError
from ranvier.models._registry import register
from ranvier.models._stem import cells, head
from ranvier.network import Sequential
from ranvier.units import ms

__all__ = ["vgg_mini"]


@register(
    family="vgg",
    input=("inputs", 28, 28),
    steps=4,
    papers=("Simonyan & Zisserman, ICLR 2015", "Sengupta et al., Frontiers in Neuroscience 2019"),
)
def vgg_mini(
    *, inputs: int = 1, classes: int = 10, plan: tuple[int | str, ...] = (16, "M", 32, 32, "M", 64), tau: float = 2.0,
    **network: Any,
) -> Sequential:  # fmt: skip
    """A stack of convolutions with norms and leaky cells, and pooling by means.

    ``plan`` is that of ``rv.blocks.vgg`` and ends with the last number of channels; ``tau`` in ms, at steps of 1 ms.
    """
    parts = vgg(inputs, plan, cell=cells(tau))
    numbers = [entry for entry in plan if isinstance(entry, int)]
    if not numbers:
        raise ShapeError(
            f"vgg_mini: plan={plan} holds no number of channels: give one at least, such as (16, 'M', 32)."
        )
    return Sequential(*parts, *head(numbers[-1], classes), dt=1 * ms, **network)
