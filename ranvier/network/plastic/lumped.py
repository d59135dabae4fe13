"""Values of synapses that are the same for a whole row or column, so that the row or column can hold them."""

from __future__ import annotations

import torch

from ranvier.kernels.tasks import Pattern

__all__ = ["row_values", "spread"]

Tensor = torch.Tensor


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
