"""Counted random numbers and drawn rows by provider-neutral names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.kernels.cpu.draw.degrees import divided, divided_distinct, transposed
    from ranvier.kernels.cpu.draw.row_source import drawn_row
    from ranvier.kernels.cpu.draw.rows import bernoulli_rows, distinct_rows, repeated_rows, row_uniforms
    from ranvier.kernels.cpu.host.pool import run_tiles
    from ranvier.kernels.cpu.llvm.philox import counted_uniforms

__all__ = [
    "bernoulli_rows",
    "counted_uniforms",
    "distinct_rows",
    "divided",
    "divided_distinct",
    "drawn_row",
    "repeated_rows",
    "row_uniforms",
    "run_tiles",
    "transposed",
]

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "bernoulli_rows": "ranvier.kernels.cpu.draw.rows",
    "counted_uniforms": "ranvier.kernels.cpu.llvm.philox",
    "distinct_rows": "ranvier.kernels.cpu.draw.rows",
    "divided": "ranvier.kernels.cpu.draw.degrees",
    "divided_distinct": "ranvier.kernels.cpu.draw.degrees",
    "drawn_row": "ranvier.kernels.cpu.draw.row_source",
    "repeated_rows": "ranvier.kernels.cpu.draw.rows",
    "row_uniforms": "ranvier.kernels.cpu.draw.rows",
    "run_tiles": "ranvier.kernels.cpu.host.pool",
    "transposed": "ranvier.kernels.cpu.draw.degrees",
}

__getattr__, __dir__ = page(__name__, _PUBLIC)
