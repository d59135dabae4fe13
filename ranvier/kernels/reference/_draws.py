"""Every draw in NumPy: the specification of the draws of all providers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from ranvier.kernels.tasks import (
    BernoulliRows,
    Counts,
    DistinctRows,
    Divided,
    DividedDistinct,
    Draw,
    Normals,
    RepeatedRows,
    RowDraw,
    RowUniforms,
    Spikes,
    StepSpikes,
    Transposed,
    Uniforms,
)
from ranvier.values import CountLaw, counts, normal_numbers, uniforms

__all__ = ["run_draw"]

_BLOCK = 1 << 16


def run_draw(task: Draw) -> Any:
    """The numbers, or the rows."""
    return _WAYS[type(task)](*task)


def _counts(
    law: CountLaw, key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int, dtype: torch.dtype
) -> Any:
    return torch.from_numpy(counts(law, key, first, steps, cells, batch)).to(dtype).numpy()


def _spikes(law: CountLaw, key: tuple[int, int, int], first: int, steps: int, cells: int) -> Spikes:
    found = counts(law, key, first, steps, cells)[:, 0]
    bounds = np.zeros(steps + 1, np.int64)
    np.cumsum(found.sum(1), out=bounds[1:])
    cell = np.repeat(np.tile(np.arange(cells, dtype=np.int32), steps), found.ravel())
    return Spikes(torch.from_numpy(cell), torch.from_numpy(bounds))


def _row_uniforms(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    rows = [
        uniforms(draw.key, degree, step=row, stream=draw.stream)
        for row, degree in enumerate(np.diff(row_pointer).tolist(), draw.first)
    ]
    return np.concatenate([np.empty(0), *rows])


def _repeated_rows(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """d sorted uniform numbers are the partial sums of d + 1 exponential ones over their total."""
    out = []
    for row, degree in enumerate(np.diff(row_pointer).tolist(), draw.first):
        sums = np.cumsum(-np.log(uniforms(draw.key, degree + 1, step=row, stream=draw.stream)))
        chosen = np.minimum(sums[:-1] * (draw.choices / sums[-1]), draw.choices - 1)
        out.append(_moved(draw, row, chosen))
    return _joined(out)


def _distinct_rows(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """Floyd's sampling."""
    out = []
    for row, degree in enumerate(np.diff(row_pointer).tolist(), draw.first):
        chosen: set[int] = set()
        for j, u in enumerate(uniforms(draw.key, degree, step=row, stream=draw.stream).tolist()):
            newest = draw.choices - degree + j
            choice = int(u * (newest + 1))
            chosen.add(newest if choice in chosen else choice)
        out.append(_moved(draw, row, np.array(sorted(chosen), np.int64)))
    return _joined(out)


def _bernoulli_rows(draw: RowDraw, rows: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """The gaps between targets are geometric."""
    out = [_moved(draw, row, _chosen(draw, row, p)) for row in range(draw.first, draw.first + rows)]
    pointer = np.zeros(rows + 1, np.int64)
    np.cumsum([len(t) for t in out], out=pointer[1:])
    return pointer, _joined(out)


def _chosen(draw: RowDraw, row: int, p: float) -> np.ndarray:
    found, last, start = [], -1, 0
    while last < draw.choices:
        u = uniforms(draw.key, _BLOCK, step=row, stream=draw.stream, start=start)
        gaps = np.minimum(np.log(u) * (1 / np.log1p(-p)), draw.choices).astype(np.int64)
        places = last + np.cumsum(gaps + 1)
        found.append(places[places < draw.choices])
        last, start = int(places[-1]), start + _BLOCK
    return np.concatenate([np.empty(0, np.int64), *found])


def _moved(draw: RowDraw, row: int, chosen: np.ndarray) -> np.ndarray:
    """The targets: with ``barred``, a row's own cell is passed over."""
    chosen = chosen.astype(np.int32)
    return chosen + (chosen >= row).astype(np.int32) if draw.barred else chosen


def _joined(rows: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int32), *rows])


def _divided(key: tuple[int, int], total: int, rows: int, stream: int) -> np.ndarray:
    counts = np.zeros(rows, np.int64)
    for start in range(0, total, _BLOCK):
        hits = uniforms(key, min(_BLOCK, total - start), stream=stream, start=start) * rows
        counts += np.bincount(hits.astype(np.int64), minlength=rows)
    return counts


def _divided_distinct(key: tuple[int, int], total: int, rows: int, choices: int, stream: int) -> np.ndarray:
    inverted = 2 * total > rows * choices
    left = rows * choices - total if inverted else total
    counts = np.zeros(rows, np.int64)
    for row, mark in _pairs(key, rows, choices, stream):
        if left == 0:
            break
        if mark >= counts[row]:
            counts[row] += 1
            left -= 1
    return choices - counts if inverted else counts


def _pairs(key: tuple[int, int], rows: int, choices: int, stream: int) -> Iterator[tuple[int, int]]:
    """A row, and a place in it, again and again."""
    start = 0
    while True:
        row = uniforms(key, _BLOCK, stream=stream, start=start) * rows
        mark = uniforms(key, _BLOCK, stream=stream + 1, start=start) * choices
        yield from zip(row.astype(np.int64).tolist(), mark.astype(np.int64).tolist(), strict=True)
        start += _BLOCK


def _transposed(row_pointer: np.ndarray, target: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    pointer = np.zeros(columns + 1, np.int64)
    np.cumsum(np.bincount(target, minlength=columns), out=pointer[1:])
    rows = np.repeat(np.arange(len(row_pointer) - 1, dtype=np.int32), np.diff(row_pointer))
    return pointer, rows[np.argsort(target, kind="stable")]


_WAYS: dict[type[Draw], Callable[..., Any]] = {
    Uniforms: uniforms,
    Normals: normal_numbers,
    Counts: _counts,
    StepSpikes: _spikes,
    RowUniforms: _row_uniforms,
    RepeatedRows: _repeated_rows,
    DistinctRows: _distinct_rows,
    BernoulliRows: _bernoulli_rows,
    Divided: _divided,
    DividedDistinct: _divided_distinct,
    Transposed: _transposed,
}
