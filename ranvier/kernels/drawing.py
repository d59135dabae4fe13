"""Counted random numbers and compressed rows by provider-neutral names."""

from __future__ import annotations

from ranvier.kernels.cpu._degrees import divided, divided_distinct, transposed
from ranvier.kernels.cpu._philox import counted_uniforms
from ranvier.kernels.cpu._pool import run_tiles
from ranvier.kernels.cpu._row_source import RowSource
from ranvier.kernels.cpu._rows import RowDraw, bernoulli_rows, distinct_rows, repeated_rows, row_uniforms

__all__ = [
    "RowDraw",
    "RowSource",
    "bernoulli_rows",
    "counted_uniforms",
    "distinct_rows",
    "divided",
    "divided_distinct",
    "repeated_rows",
    "row_uniforms",
    "run_tiles",
    "transposed",
]
