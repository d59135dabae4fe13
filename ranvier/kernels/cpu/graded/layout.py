"""How the synapses of a projection lie, made once for its pattern."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ranvier.kernels.cpu.graded.every import Every
from ranvier.kernels.cpu.graded.reach import Layout, Reach
from ranvier.kernels.cpu.graded.single import Single, Sorted
from ranvier.kernels.cpu.graded.window import Window, rows_of_windows
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.kernels.tasks import Pattern

__all__ = ["laid_out", "reach_of"]

#: lanes of windows that take the time of one synapse of single sources, by the lanes of a vector: where a layout fits into the second
#: cache, and for more synapses, where memory decides
_WINDOWS = {16: (3.8, 1.5), 8: (1.7, 1.2)}
_NEAR = 1 << 17
#: vectors of targets that are tried
_TRIED = 32
#: rows of a vector that take the time of writing to targets in another order
_REORDERED = 4


def reach_of(pattern: Pattern, width: int, *, one_latency: bool) -> Reach:
    """The quickest way to the sources of a pattern, for vectors of ``width`` targets. No sum depends on it."""
    if not one_latency:
        return Single()
    key = (reach_of, width)
    known = pattern.prepared.get(key)
    if known is None:
        known = pattern.prepared[key] = _choose(pattern, width)
    return known


def laid_out(pattern: Pattern, reach: Reach, width: int, ranges: Sequence[tuple[int, int]]) -> Layout:
    """The layout of the synapses for threads that have such ranges of the targets."""
    key = (reach, width, *ranges)
    known = pattern.prepared.get(key)
    if known is None:
        known = pattern.prepared[key] = reach.lay_out(pattern, width, ranges)
    return known


def _choose(pattern: Pattern, width: int) -> Reach:
    if pattern.full:
        return Every()
    if has_feature("avx512f"):
        rows, synapses = rows_of_windows(pattern, width, _TRIED)
        near, far = _WINDOWS[width]
        if rows * width <= synapses * (near if pattern.synapses <= _NEAR else far):
            return Window()
    bits = 16 if pattern.rows <= 1 << 16 else 32
    degree = torch.bincount(pattern.target.long(), minlength=-(-pattern.columns // width) * width).view(-1, width)
    spared = degree.amax(1).double().mean() - degree.double().mean()
    return Sorted(bits) if spared > _REORDERED else Single(bits)
