"""What went where when weights were loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ranvier.text_table import text_table

__all__ = ["LoadTable", "Row"]


@dataclass(frozen=True)
class Row:
    """One tensor: its key there, its place here (empty where it has none), its shape, and a note."""

    theirs: str
    ours: str
    shape: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True)
class LoadTable:
    """All tensors of a state dict with their places, and the parameters of ours that no tensor reached (``untouched``).

    ``str(table)`` prints it.

    >>> net = rv.Sequential(rv.Linear(4, 3), rv.compat.snntorch.Leaky(0.9), dt=1*ms)
    >>> state = {"fc1.weight": torch.zeros(3, 4), "fc1.bias": torch.zeros(3), "lif1.beta": torch.tensor(0.8)}
    >>> table = rv.compat.load_state_dict(net, state)
    >>> table.places["lif1.beta"]
    'leaky1.beta'
    """

    rows: tuple[Row, ...]
    untouched: tuple[str, ...] = ()

    @property
    def places(self) -> dict[str, str]:
        """Our name by theirs, of what was loaded."""
        return {row.theirs: row.ours for row in self.rows if row.ours}

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __str__(self) -> str:
        lines = [("theirs", "ours", "shape", "note")]
        lines += [(r.theirs, r.ours or "–", "×".join(map(str, r.shape)) or "number", r.note) for r in self.rows]
        lines += [("–", name, "", "not loaded") for name in self.untouched]
        return text_table(lines)
