"""Shapes of samples of which a part is known: what a map takes, and what it gives, before there is an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

__all__ = ["ANY", "PartialShape", "agree", "fills", "joins", "narrowed", "sized", "sizes_of", "windowed", "written"]

#: sizes of axes; None is an unknown size, ``...`` (at most once) any number of axes
PartialShape = tuple[int | EllipsisType | None, ...]
ANY: PartialShape = (...,)


def sized(shape: PartialShape) -> tuple[int, ...] | None:
    """The shape where all of it is known."""
    found = tuple(n for n in shape if isinstance(n, int))
    return found if len(found) == len(shape) else None


def sizes_of(shape: PartialShape, rank: int) -> tuple[int | None, ...] | None:
    """The sizes of ``rank`` axes; None where the shape has another number of them."""
    full: tuple[Any, ...] = shape
    if ... in full:
        at = full.index(...)
        full = (*full[:at], *[None] * (rank - len(full) + 1), *full[at + 1 :])
    return full if len(full) == rank else None


def agree(shape: PartialShape, other: PartialShape) -> bool:
    """Whether there are samples of both shapes."""
    return _match(shape, other, lambda a, b: a == b)


def fills(shape: PartialShape, cells: PartialShape) -> bool:
    """Whether arrivals of this shape may be those of ``cells``; an axis of size 1 serves all cells along it."""
    return _match(shape, cells, lambda a, b: a in (b, 1))


def narrowed(shape: PartialShape, other: PartialShape) -> PartialShape:
    """What is known of samples of both shapes, which :func:`agree`: the sizes of ``shape``, and of ``other`` where it has none."""
    if shape == ANY:
        return other
    if ... in shape:
        return shape if ... in other else narrowed(sizes_of(shape, len(other)) or shape, other)
    more = sizes_of(other, len(shape)) or shape
    return tuple(m if n is None else n for n, m in zip(shape, more, strict=True))


def joins(shape: PartialShape, other: PartialShape) -> bool:
    """Whether arrivals of both shapes can be added; an axis of size 1 is added along any."""
    return _match(shape, other, lambda a, b: a == b or 1 in (a, b))


def windowed(
    sizes: Sequence[int | None], reach: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> tuple[int | None, ...]:
    """Places of a window of ``reach`` numbers along each axis; torch refuses options for another number of axes."""
    each = zip(sizes, reach, stride, padding, strict=False)
    return tuple(None if n is None or n + 2 * p < r else (n + 2 * p - r) // s + 1 for n, r, s, p in each)


def written(shape: PartialShape) -> str:
    """The shape as a message shows it: ``?`` is an unknown size, ``…`` any number of axes."""
    words = ["…" if n is ... else "?" if n is None else str(n) for n in shape]
    return f"({words[0]},)" if len(words) == 1 else f"({', '.join(words)})"


def _match(shape: PartialShape, other: PartialShape, equal: Callable[[Any, Any], bool]) -> bool:
    """Whether all pairs of known sizes are ``equal``: from both ends where neither number of axes is known."""
    if ... in shape and ... in other:
        a, b = shape.index(...), other.index(...)
        pairs = [*zip(shape[:a], other[:b], strict=False), *zip(shape[:a:-1], other[:b:-1], strict=False)]
    else:
        rank = len(other) if ... in shape else len(shape)
        first, second = sizes_of(shape, rank), sizes_of(other, rank)
        if first is None or second is None:
            return False
        pairs = [*zip(first, second, strict=True)]
    return all(n is None or m is None or equal(n, m) for n, m in pairs)
