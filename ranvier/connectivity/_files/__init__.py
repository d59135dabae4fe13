"""Files of connectomes: tables of edges, matrices, graphs."""

from __future__ import annotations

from ranvier.connectivity._files._graphs import GRAPHS, read_graph
from ranvier.connectivity._files._matrices import MATRICES, read_matrix
from ranvier.connectivity._files._tables import TABLES, read_edges, read_names

__all__ = ["GRAPHS", "MATRICES", "TABLES", "read_edges", "read_graph", "read_matrix", "read_names"]
