"""Counted random numbers and compressed rows by provider-neutral names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
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

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "RowDraw": "ranvier.kernels.cpu._rows",
    "RowSource": "ranvier.kernels.cpu._row_source",
    "bernoulli_rows": "ranvier.kernels.cpu._rows",
    "counted_uniforms": "ranvier.kernels.cpu._philox",
    "distinct_rows": "ranvier.kernels.cpu._rows",
    "divided": "ranvier.kernels.cpu._degrees",
    "divided_distinct": "ranvier.kernels.cpu._degrees",
    "repeated_rows": "ranvier.kernels.cpu._rows",
    "row_uniforms": "ranvier.kernels.cpu._rows",
    "run_tiles": "ranvier.kernels.cpu._pool",
    "transposed": "ranvier.kernels.cpu._degrees",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
