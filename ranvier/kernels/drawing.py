"""Counted random numbers and drawn rows, by the first provider that draws; the result depends on none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ranvier.kernels import registry
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import (
    BernoulliRows,
    Counts,
    DistinctRows,
    Divided,
    DividedDistinct,
    DrawShape,
    Normals,
    RepeatedRows,
    RowDraw,
    RowSource,
    RowUniforms,
    Spikes,
    StepSpikes,
    Transposed,
    Uniforms,
)
from ranvier.values import CountLaw

__all__ = [
    "bernoulli_rows",
    "counted_uniforms",
    "distinct_rows",
    "divided",
    "divided_distinct",
    "drawn_row",
    "repeated_rows",
    "row_uniforms",
    "step_counts",
    "step_normals",
    "step_spikes",
    "transposed",
]


class _Request(NamedTuple):
    """Wiring is drawn in the memory of the processor, before there is a call."""

    device: str = "cpu"
    dtype: torch.dtype = torch.float64
    gradient: bool = False
    single: bool = True
    few: bool = False
    step: bool = False


_SHAPE, _REQUEST = DrawShape(), _Request()


def _drawer() -> Runnable:
    return registry.first(_SHAPE, _REQUEST)


def counted_uniforms(key: tuple[int, int], count: int, step: int = 0, stream: int = 0, start: int = 0) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.Uniforms`."""
    return _drawer()(Uniforms(key, count, step, stream, start))


def step_normals(key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int = 1) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.Normals`."""
    return _drawer()(Normals(key, first, steps, cells, batch))


def step_counts(
    law: CountLaw, key: tuple[int, int, int], first: int, steps: int, cells: int, batch: int, dtype: torch.dtype
) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.Counts`."""
    return _drawer()(Counts(law, key, first, steps, cells, batch, dtype))


def step_spikes(law: CountLaw, key: tuple[int, int, int], first: int, steps: int, cells: int) -> Spikes:
    """As :class:`ranvier.kernels.tasks.StepSpikes`."""
    return _drawer()(StepSpikes(law, key, first, steps, cells))


def row_uniforms(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.RowUniforms`."""
    return _drawer()(RowUniforms(draw, row_pointer))


def repeated_rows(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.RepeatedRows`."""
    return _drawer()(RepeatedRows(draw, row_pointer))


def distinct_rows(draw: RowDraw, row_pointer: np.ndarray) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.DistinctRows`."""
    return _drawer()(DistinctRows(draw, row_pointer))


def bernoulli_rows(draw: RowDraw, rows: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """As :class:`ranvier.kernels.tasks.BernoulliRows`."""
    return _drawer()(BernoulliRows(draw, rows, p))


def divided(key: tuple[int, int], total: int, rows: int, stream: int = 0) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.Divided`."""
    return _drawer()(Divided(key, total, rows, stream))


def divided_distinct(key: tuple[int, int], total: int, rows: int, choices: int, stream: int = 0) -> np.ndarray:
    """As :class:`ranvier.kernels.tasks.DividedDistinct`."""
    return _drawer()(DividedDistinct(key, total, rows, choices, stream))


def transposed(row_pointer: np.ndarray, target: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """As :class:`ranvier.kernels.tasks.Transposed`."""
    return _drawer()(Transposed(row_pointer, target, columns))


def drawn_row(source: RowSource, k: int) -> np.ndarray:
    """Int32 targets of row ``k``."""
    draw = source.draw._replace(first=k)
    if source.p is not None:
        return bernoulli_rows(draw, 1, source.p)[1]
    pointer = np.array([0, source.degree[k if len(source.degree) > 1 else 0]])
    return (repeated_rows if source.multapses else distinct_rows)(draw, pointer)
