"""Synapses from a connectome file."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from pathlib import Path

from ranvier.connectivity._connectivity import ConnectivityError
from ranvier.connectivity._files import GRAPHS, MATRICES, TABLES, read_edges, read_graph, read_matrix, read_names
from ranvier.connectivity._from_edges import FromEdges
from ranvier.connectivity._from_graph import FromGraph
from ranvier.connectivity._from_matrix import FromMatrix
from ranvier.errors import MemoryLimitError
from ranvier.limits import plain_file

__all__ = ["connectome"]


def connectome(
    path: str | os.PathLike[str], nodes: str | os.PathLike[str] | Sequence[Hashable] | int | None = None
) -> FromEdges | FromMatrix:
    """The rule that a connectome file describes; nothing in it is executed or unpickled.

    Parameters
    ----------
    path
        * ``.csv``, ``.tsv``, ``.txt``, ``.edgelist`` (also ``.gz``, as all files): one edge per line, ``pre, post[, weight[, delay]]``,
          with or without a line of titles;
        * ``.mtx`` (Matrix Market) and ``.npz`` (``scipy.sparse.save_npz``): a matrix [pre, post];
        * ``.graphml``, ``.gml``, ``.gexf``: a graph, whose edge attributes ``weight`` and ``delay`` are carried.
    nodes
        For lists of edges: the names of all cells in their order, a table whose first column holds them under a title,
        or their number if the names are the numbers from 0. Left out: all names that occur, sorted.

    Returns
    -------
        :class:`FromEdges` (its ``nodes`` are the names of the cells) or :class:`FromMatrix` (its ``shape`` their numbers).

    Raises
    ------
    ConnectivityError
        For another kind of file, or one that cannot be read.
    MemoryLimitError
        Where its synapses do not fit into memory.

    >>> wiring = rv.connectome("worm.csv")
    >>> worm = net.population("worm", len(wiring.nodes), cell)
    >>> names = net.connect("worm", "worm", wiring, to="v", weight=0.05*mV)
    """
    try:
        path = plain_file(path, "connectome")
        kind = _kind(path)
        if kind in TABLES:
            if isinstance(nodes, str | os.PathLike):
                listed = plain_file(nodes, "table of cells")
                nodes = read_names(listed, _kind(listed))
            return FromEdges.of_columns(*read_edges(path, kind), nodes)
        if kind in GRAPHS:
            return FromGraph(read_graph(path, kind))
        if kind in MATRICES:
            return FromMatrix(read_matrix(path, kind))
    except (ConnectivityError, MemoryLimitError):
        raise
    except Exception as error:  # the readers of NetworkX raise errors of any class
        raise ConnectivityError(f"{str(path)[:500]} cannot be read as a connectome ({str(error)[:300]}).") from error
    known = ", ".join([*TABLES, *GRAPHS, *MATRICES])
    raise ConnectivityError(f"{path} has the ending {kind!r}; connectomes are read from {known}.")


def _kind(path: Path) -> str:
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
