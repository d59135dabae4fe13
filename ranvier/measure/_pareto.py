"""Which networks are worth having: none other is at least as good in every figure, and better in one."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.errors import RanvierError
from ranvier.text_table import text_table
from ranvier.values import is_number

if TYPE_CHECKING:
    from ranvier.measure._report import Operations

__all__ = ["Pareto", "figures", "pareto"]

#: figures of which more is better, unless others are named
LARGER = ("accuracy",)


@dataclass(frozen=True)
class Pareto:
    """Networks by name with their figures, and which of them others dominate.

    Attributes
    ----------
    rows
        Figures by network.
    larger
        Figures of which more is better; of all others, less is.
    dominated
        For each network the others that dominate it: at least as good in every figure, and better in one.
    """

    rows: Mapping[str, Mapping[str, float]]
    larger: tuple[str, ...]
    dominated: Mapping[str, tuple[str, ...]]

    @property
    def front(self) -> tuple[str, ...]:
        """The networks that none dominates."""
        return tuple(name for name, by in self.dominated.items() if not by)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the figures."""
        return tuple(next(iter(self.rows.values())))

    def table(self) -> list[list[str]]:
        """Head and rows as text: those of the front first, in their order."""
        order = sorted(self.rows, key=lambda name: bool(self.dominated[name]))
        made = [
            [
                "network",
                *(f"{c} ({'more' if c in self.larger else 'less'} is better)" for c in self.columns),
                "dominated by",
            ]
        ]
        for name in order:
            figures = [f"{self.rows[name][c]:.4g}" for c in self.columns]
            made.append([name, *figures, ", ".join(self.dominated[name])])
        return made

    def __str__(self) -> str:
        return text_table(self.table(), right=range(1, len(self.columns) + 1))

    def html(
        self,
        path: str | os.PathLike[str],
        *,
        title: str = "Networks compared",
        x: str | None = None,
        y: str | None = None,
    ) -> Path:
        """Write a page that needs nothing but itself: the table, and a picture of figure ``y`` against figure ``x``.

        By default y is the first figure of which more is better, and x the first of which less is. Names are escaped.

        >>> page = rv.measure.pareto({"a": {"accuracy": 0.9, "energy": 2.0}}).html("networks.html")
        """
        across, up = (
            x or next((c for c in self.columns if c not in self.larger), None),
            y or next((c for c in self.columns if c in self.larger), None),
        )
        picture = "" if across is None or up is None else _picture(self, across, up)
        head, *rows = self.table()
        lines = "\n".join(
            f"<tr{_kind(self.dominated[row[0]])}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        page = (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n'
            f"<body>\n<h1>{escape(title)}</h1>\n{picture}\n<table>\n<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>\n{lines}\n"
            f"</table>\n<p>A network is dominated where another is at least as good in every figure, and better in one.</p>\n</body>\n</html>\n"
        )
        path = Path(path)
        path.write_text(page, encoding="utf-8")
        return path


_STYLE = (
    "body{font:16px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}"
    "td,th{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #ccc}.dominated{color:#777}"
)


def pareto(rows: Mapping[str, Mapping[str, float]], *, larger: Collection[str] = LARGER) -> Pareto:
    """Mark the networks that another one dominates.

    Parameters
    ----------
    rows
        Figures by network, the same for all: such as accuracy, energy under one model, latency, bytes and parameters.
        :func:`figures` makes those of a count of operations.
    larger
        Figures of which more is better.

    Raises
    ------
    RanvierError
        Without networks or figures, for networks with other figures than the first, for a figure that is no finite number, and where ``larger``
        names none of them.

    >>> found = rv.measure.pareto({
    ...     "small": {"accuracy": 0.90, "energy (nJ)": 2.0},
    ...     "large": {"accuracy": 0.95, "energy (nJ)": 9.0},
    ...     "slow": {"accuracy": 0.89, "energy (nJ)": 9.5},
    ... })
    >>> found.front, found.dominated["slow"]
    (('small', 'large'), ('small', 'large'))
    """
    if not rows:
        raise RanvierError(
            "there is no network to compare: give figures by network, {'small': {'accuracy': 0.9, …}, …}."
        )
    columns = _columns(rows)
    larger = (larger,) if isinstance(larger, str) else tuple(larger)
    missing = [name for name in larger if name not in columns]
    if missing and larger != LARGER:
        raise RanvierError(
            f"larger= names {missing[0]!r}, which is no figure: there are {', '.join(map(repr, columns))}."
        )
    signs = [1.0 if c in larger else -1.0 for c in columns]
    worth = {name: [s * float(row[c]) for s, c in zip(signs, columns, strict=True)] for name, row in rows.items()}
    dominated = {name: tuple(other for other in rows if _better(worth[other], own)) for name, own in worth.items()}
    return Pareto(
        {name: {c: float(row[c]) for c in columns} for name, row in rows.items()},
        tuple(c for c in columns if c in larger),
        dominated,
    )


def figures(counts: Operations) -> dict[str, float]:
    """The figures of a count of operations, means of one sample: multiplications, additions, updates of states, and bytes.

    >>> net = rv.Sequential(rv.Linear(20, 3), rv.LIF(3), dt=1*ms)
    >>> list(rv.measure.figures(rv.measure.operations(net, torch.rand(5, 2, 20))))
    ['MACs', 'ACs', 'updates', 'parameter bytes', 'state bytes']
    """
    return {
        "MACs": counts.macs, "ACs": counts.acs, "updates": counts.updates, "parameter bytes": float(counts.parameter_bytes),
        "state bytes": float(counts.state_bytes),
    }  # fmt: skip


def _better(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _columns(rows: Mapping[str, Any]) -> tuple[str, ...]:
    columns: tuple[str, ...] | None = None
    for name, row in rows.items():
        if not isinstance(row, Mapping) or not row:
            raise RanvierError(
                f"the figures of {name!r} are {row!r}: give numbers by name, such as {{'accuracy': 0.9, 'energy (nJ)': 3.0}}."
            )
        columns = tuple(row) if columns is None else columns
        if set(row) != set(columns):
            odd = sorted(set(row) ^ set(columns))[0]
            raise RanvierError(
                f"{odd!r} is a figure of some networks alone ({name!r} differs from the first): give the same figures for all."
            )
        for c, value in row.items():
            if not is_number(value):
                raise RanvierError(f"{c!r} of {name!r} is {value!r}: give a finite number.")
    return columns or ()


def _kind(dominated: Sequence[str]) -> str:
    return ' class="dominated"' if dominated else ""


def _picture(found: Pareto, x: str, y: str) -> str:
    from matplotlib.figure import Figure

    from ranvier.plot import pareto as drawn

    picture, page = Figure(figsize=(6.4, 4), layout="constrained"), StringIO()
    drawn(found, x, y, ax=picture.subplots())
    picture.savefig(page, format="svg")
    text = page.getvalue()
    return text[text.index("<svg") :]
