"""The options of convolutions, checked when one is made: torch names no value, and checks most of them with the first sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.errors import ShapeError
from ranvier.values import is_whole

__all__ = ["check_options"]

_MODES = ("zeros", "reflect", "replicate", "circular")
_LEAST = {"stride": 1, "dilation": 1, "padding": 0, "output_padding": 0}


def check_options(
    kind: str, axes: int, channels: tuple[int, int], options: Mapping[str, Any], transposed: bool = False
) -> None:
    """Refuse options that no sample fits.

    Raises
    ------
    ShapeError
        Naming the class, the value and what it may be.
    """
    groups = options.get("groups", 1)
    if not is_whole(groups) or any(n % groups for n in channels):
        raise ShapeError(
            f"{kind}: groups={groups!r} must divide in_channels={channels[0]} and out_channels={channels[1]}."
        )
    words = () if transposed else ("same", "valid")
    sides = {n: _sides(kind, axes, n, options[n], words) for n in _LEAST if n in options}
    mode, strides = options.get("padding_mode", "zeros"), sides.get("stride", (1,) * axes)
    if mode not in _MODES[: 1 if transposed else None]:
        allowed = "'zeros'" if transposed else f"one of {', '.join(map(repr, _MODES))}"
        raise ShapeError(f"{kind}: padding_mode={mode!r} must be {allowed}.")
    if sides.get("padding") == "same" and any(n != 1 for n in strides):
        raise ShapeError(
            f"{kind}: padding='same' needs stride=1, got stride={options['stride']!r}: give a number of zeros."
        )
    more, apart = sides.get("output_padding", (0,) * axes), sides.get("dilation", (1,) * axes)
    if any(o >= max(s, d) for o, s, d in zip(more, strides, apart, strict=True)):
        raise ShapeError(
            f"{kind}: output_padding={options['output_padding']!r} must be smaller than stride={strides} or dilation={apart}."
        )


def _sides(kind: str, axes: int, name: str, value: Any, words: tuple[str, ...]) -> Any:
    """An option as one number for each axis, or the word that it is."""
    if name == "padding" and isinstance(value, str) and value in words:
        return value
    found = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(found) == axes and all(is_whole(n, _LEAST[name]) for n in found):
        return found
    also = f", or {' or '.join(map(repr, words))}" if name == "padding" and words else ""
    each = "one" if axes == 1 else f"one or {('two', 'three')[axes - 2]}"
    raise ShapeError(f"{kind}: {name}={value!r} must be whole numbers from {_LEAST[name]}, {each}{also}.")
