"""A network as text: its parts in order."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ranvier.network.keys import shown_of
from ranvier.network.places import ordered

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["written"]


def written(graph: Graph, kind: str) -> str:
    """A line, or several, for each part, below the class of the network, its step and its dtype."""
    lines = [f"({n}): input of {'any size' if size is None else f'size {size}'}" for n, size in graph.inputs.items()]
    lines += [f"({n}): {source!r}" for n, source in graph.sources.items()]
    for n in ordered(graph):
        if n in graph.projections:
            p = graph.projections[n]
            through = f": {shown_of(p)!r}" if len(p.chain) else ""
            lines.append(f"({n}): {p.pre} -> {p.post}.{p.port}{through}")
        else:
            lines.append(f"({n}): {graph.relays[n] if n in graph.relays else graph.populations[n]!r}")
    head = f"dt={graph.dt:g} ms, {str(graph.dtype).removeprefix('torch.')}"
    body = "".join(f"\n{textwrap.indent(line, '  ')}" for line in lines)
    return f"{kind}({head}{body}\n)" if body else f"{kind}({head})"
