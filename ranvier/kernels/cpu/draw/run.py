"""Draws of the cpu provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier.kernels.cpu.draw.degrees import divided, divided_distinct, transposed
from ranvier.kernels.cpu.draw.rows import bernoulli_rows, distinct_rows, repeated_rows, row_uniforms
from ranvier.kernels.cpu.draw.steps import step_counts, step_normals, step_spikes
from ranvier.kernels.cpu.llvm.philox import counted_uniforms
from ranvier.kernels.tasks import (
    BernoulliRows,
    Counts,
    DistinctRows,
    Divided,
    DividedDistinct,
    Draw,
    Normals,
    RepeatedRows,
    RowUniforms,
    StepSpikes,
    Transposed,
    Uniforms,
)

__all__ = ["run_draw"]

_WAYS: dict[type[Draw], Callable[..., Any]] = {
    Uniforms: counted_uniforms,
    Normals: step_normals,
    Counts: step_counts,
    StepSpikes: step_spikes,
    RowUniforms: row_uniforms,
    RepeatedRows: repeated_rows,
    DistinctRows: distinct_rows,
    BernoulliRows: bernoulli_rows,
    Divided: divided,
    DividedDistinct: divided_distinct,
    Transposed: transposed,
}


def run_draw(task: Draw) -> Any:
    """The numbers, or the rows."""
    return _WAYS[type(task)](*task)
