"""The two residuals of a spiking transformer: attention between tokens, then two layers at each token."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from ranvier.blocks._parts import MakeCell, MakeNorm, check_sizes, pointwise
from ranvier.errors import ShapeError
from ranvier.network import Residual
from ranvier.neurons import Cell

__all__ = ["check_transformer", "transformer"]


def check_transformer(block: str, channels: int, heads: int, hidden: int | None, shortcut: str, axes: int) -> int:
    """The channels between the two layers, 4C where ``hidden`` is None.

    Raises
    ------
    ShapeError
        For sizes that are not positive whole numbers, other axes, and an unknown shortcut.
    """
    wide = 4 * channels if hidden is None else hidden
    check_sizes(block, channels=channels, heads=heads, hidden=wide)
    if axes not in (1, 2):
        raise ShapeError(f"{block}: axes={axes!r} must be 1 for sequences [C, N], or 2 for images [C, H, W].")
    if shortcut not in ("add", "membrane"):
        raise ShapeError(f"{block}: shortcut={shortcut!r} is unknown: use 'add' or 'membrane'.")
    return wide


def transformer(
    channels: int, operands: int, wide: int, attend: Callable[[], Sequence[nn.Module | Cell | Residual]], *, shortcut: str, axes: int,
    cell: MakeCell, norm: MakeNorm,
) -> tuple[Residual, Residual]:  # fmt: skip
    """x + (maps to ``operands``*C, ``attend()``, maps to C), then the same with two layers of ``wide`` and C channels.

    With ``shortcut="add"`` cells end both branches and spikes are added; with ``"membrane"`` cells begin them and currents are.
    """
    into, out = pointwise(channels, operands * channels, norm, axes), pointwise(channels, channels, norm, axes)
    up, down = pointwise(channels, wide, norm, axes), pointwise(wide, channels, norm, axes)
    if shortcut == "add":
        return Residual(*into, cell(), *attend(), *out, cell()), Residual(*up, cell(), *down, cell())
    return Residual(cell(), *into, cell(), *attend(), *out), Residual(cell(), *up, cell(), *down)
