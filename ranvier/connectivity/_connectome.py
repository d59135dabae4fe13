"""Synapses from a connectome file."""

from __future__ import annotations

import csv
import gzip
import os
import zipfile
from collections.abc import Hashable, Sequence
from pathlib import Path

import networkx as nx

from ranvier.connectivity._connectivity import ConnectivityError
from ranvier.connectivity._from_edges import FromEdges
from ranvier.connectivity._from_graph import FromGraph
from ranvier.connectivity._from_matrix import FromMatrix

__all__ = ["connectome"]

_GRAPHS = {".graphml": nx.read_graphml, ".gml": nx.read_gml, ".gexf": nx.read_gexf}
_TABLES = {".csv": ",", ".tsv": "\t", ".txt": None, ".edgelist": None}


def connectome(
    path: str | os.PathLike[str], nodes: str | os.PathLike[str] | Sequence[Hashable] | int | None = None
) -> FromEdges | FromMatrix:
    """The rule that a connectome file describes; nothing in it is executed or unpickled.

    Parameters
    ----------
    path
        * ``.csv``, ``.tsv``, ``.txt``, ``.edgelist`` (also ``.gz``): one edge per line, ``pre, post[, weight[, delay]]``,
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

    >>> worm = rv.connectome("herm_chem_edgelist.csv.gz")
    >>> net.population("worm", len(worm.nodes), cell)
    >>> net.connect("worm", "worm", worm, weight=0.05*mV)
    """
    if not isinstance(path, str | os.PathLike):
        raise ConnectivityError(f"connectome: {path!r} is no path; give the name of a file.")
    path = Path(path)
    kind = _kind(path)
    try:
        if kind in _TABLES:
            if isinstance(nodes, str | os.PathLike):
                nodes = [_name(row[0]) for row in _read(Path(nodes))[1:]]
            return FromEdges(_edges(_read(path)), nodes)
        if kind in _GRAPHS:
            return FromGraph(_GRAPHS[kind](path))
        if kind in (".mtx", ".npz"):
            from scipy import io, sparse  # slow to import

            return FromMatrix(sparse.load_npz(path) if kind == ".npz" else io.mmread(path))
    except (OSError, ValueError, LookupError, SyntaxError, nx.NetworkXException, zipfile.BadZipFile) as error:
        if isinstance(error, ConnectivityError):
            raise
        raise ConnectivityError(f"{path} cannot be read as a connectome ({error}).") from error
    known = ", ".join([*_TABLES, *_GRAPHS, ".mtx", ".npz"])
    raise ConnectivityError(f"{path} has the ending {kind!r}; connectomes are read from {known}.")


def _kind(path: Path) -> str:
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def _read(path: Path) -> list[list[str]]:
    """The rows of a table; without a fixed separator, words."""
    separator = _TABLES.get(_kind(path), ",")
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    return [line.split() for line in lines] if separator is None else list(csv.reader(lines, delimiter=separator))


def _edges(rows: list[list[str]]) -> list[tuple[Hashable, ...]]:
    """Edges with numbers as numbers; a first line whose weight is no number, or that says what it holds, is a title."""
    titles = {"pre", "post", "source", "target", "from", "to", "pre_id", "post_id", "pre_root_id", "post_root_id"}
    if rows and (
        {cell.strip().lower() for cell in rows[0][:2]} & titles or any(not _is_number(x) for x in rows[0][2:4])
    ):
        rows = rows[1:]
    for k, row in enumerate(rows):
        if len(row) < 2:
            raise ConnectivityError(f"line {k + 1} of the edges is {row!r}; it must name two cells.")
    return [(_name(row[0]), _name(row[1]), *row[2:4]) for row in rows]


def _name(text: str) -> str | int:
    text = text.strip()
    return int(text) if text.isdecimal() else text


def _is_number(text: str) -> bool:
    try:
        float(text)  # "nan" is a number, if a wrong one: no title
        return True
    except ValueError:
        return False
