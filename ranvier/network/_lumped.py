"""Which variables of a rule are the same for all synapses of one cell, so that the cell can hold them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import torch

from ranvier.dynamics.symbols import end_name
from ranvier.kernels.tasks import Pattern

if TYPE_CHECKING:
    from ranvier.synapses import BoundPlasticity

__all__ = ["held_by_cells", "row_values", "spread"]

Tensor = torch.Tensor


def held_by_cells(bound: BoundPlasticity, end: str, shared: Collection[str], among: Collection[str]) -> tuple[str, ...]:
    """Variables that only spikes at one ``end`` (pre, post) change, by what all synapses of that cell have in common.

    ``shared`` are the parameters and coefficients with one value for all synapses; only variables ``among`` those named
    count.
    """
    own, others = f"on_{end}", {"on_pre", "on_post", "every_step"} - {f"on_{end}"}
    changed = {n for code in others if code in bound.codes for n in bound.codes[code].outputs}
    cells = {end_name(n, end) for n in bound.reads(end)}
    kept = [n for n in among if n not in changed]
    while True:
        known = {*kept, *shared, *cells, "t"}
        fits = [n for n in kept if _reads(bound, own, n) <= known]
        if fits == kept:
            return tuple(kept)
        kept = fits


def _reads(bound: BoundPlasticity, code: str, name: str) -> set[str]:
    """What the next value of a variable depends on."""
    used = set(bound.step.program.only((name,)).reads)
    if code in bound.codes and name in bound.codes[code].outputs:
        used |= bound.codes[code].behind(name)
    return used


def row_values(values: Tensor, pattern: Pattern, end: str) -> Tensor | None:
    """One value for each row (``end`` pre) or column (post) of ``values`` [synapses]; None where they differ."""
    if pattern.full:
        table = values.view(pattern.rows, pattern.columns)
        out = table[:, :1] if end == "pre" else table[:1]
        return out.flatten().clone() if _equal(table, out) else None
    out = values.new_zeros(pattern.rows if end == "pre" else pattern.columns)
    if values.numel():
        if end == "pre":
            some = pattern.row_pointer.diff() > 0
            out[some] = values[pattern.row_pointer[:-1][some]]
        else:
            out[pattern.target] = values
    return out if torch.equal(spread(out, pattern, end), values) else None


def _equal(table: Tensor, one: Tensor) -> bool:
    """Whether all rows, or all columns, of ``table`` equal ``one``."""
    if table.is_cpu:  # NumPy compares and counts several times faster
        return bool((table.detach().numpy() == one.detach().numpy()).all())
    return bool((table == one).all())


def spread(values: Tensor, pattern: Pattern, end: str) -> Tensor:
    """The value of its row or column for each synapse."""
    if pattern.full:
        return values.unsqueeze(int(end == "pre")).expand(pattern.rows, pattern.columns).reshape(-1)
    if end == "pre":
        return torch.repeat_interleave(values, pattern.row_pointer.diff(), output_size=pattern.synapses)
    return values[pattern.target]
