"""Connectome files of every format, damaged."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy import sparse

import ranvier as rv
from ranvier.connectivity import Ends
from tests.fuzz.engine import LONG, QUICK, Target, file_in, withstands

GRAPH = nx.gnp_random_graph(6, 0.5, seed=1, directed=True)
nx.set_edge_attributes(GRAPH, {edge: {"weight": 1.5 + k, "delay": 0.5} for k, edge in enumerate(GRAPH.edges)})
MATRIX = sparse.random_array((6, 6), density=0.4, rng=np.random.default_rng(0))
TABLE = b"pre,post,weight,delay\n" + b"".join(b"a%d,b%d,%d,0.%d\n" % (k % 7, k % 5, k, k) for k in range(30))
MARKET = b"%%%%MatrixMarket matrix coordinate real general\n%% made\n6 6 %d\n" % MATRIX.nnz + b"".join(
    b"%d %d %g\n" % (i + 1, j + 1, x) for i, j, x in zip(*MATRIX.coords, MATRIX.data, strict=True)
)
HALF = b"%%MatrixMarket matrix coordinate pattern symmetric\n3 3 3\n1 1\n2 1\n3 2\n"
DENSE = b"%%MatrixMarket matrix array integer skew-symmetric\n3 3\n1\n2\n3\n"


def _graph(write) -> bytes:
    out = io.BytesIO()
    write(GRAPH, out)
    return out.getvalue()


def _npz(form: str, compressed: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npz"
        sparse.save_npz(path, MATRIX.asformat(form), compressed=compressed)
        return path.read_bytes()


def _read(path: Path) -> None:
    rule = rv.connectome(path)
    size = rule.shape if isinstance(rule, rv.FromMatrix) else (len(rule.nodes),) * 2
    if max(size) < 10_000:
        rule.build(Ends(size), (1, 2))


def _with_nodes(folder: Path, payload: bytes) -> Path:
    """A table of nodes beside a whole one of edges."""
    (folder / "edges.csv").write_bytes(TABLE)
    return file_in("nodes.csv")(folder, payload)


def _read_nodes(path: Path) -> None:
    rv.connectome(path.with_name("edges.csv"), path)


NODES = b"id,type,x\n" + b"".join(b"%s%d,%s,%d.5\n" % (s, k, s * 2, k) for s in (b"a", b"b") for k in range(7))
TARGETS = {
    "nodes": Target("nodes", [NODES], _with_nodes, _read_nodes, "text"),
    "csv": Target("csv", [TABLE, b"1,2\n2,1\n"], file_in("x.csv"), _read, "text"),
    "words": Target("words", [TABLE.replace(b",", b" ")], file_in("x.edgelist"), _read, "text"),
    "csv.gz": Target("csv.gz", [gzip.compress(TABLE)], file_in("x.csv.gz"), _read),
    "mtx": Target("mtx", [MARKET, HALF, DENSE], file_in("x.mtx"), _read, "text"),
    "npz": Target("npz", [_npz(form, False) for form in ("csr", "csc", "coo", "bsr", "dia")], file_in("x.npz"), _read),
    "npz packed": Target("npz packed", [_npz("csr", True)], file_in("x.npz"), _read),
    "graphml": Target("graphml", [_graph(nx.write_graphml)], file_in("x.graphml"), _read, "text"),
    "gexf": Target("gexf", [_graph(nx.write_gexf)], file_in("x.gexf"), _read, "text"),
    "gml": Target("gml", [_graph(nx.write_gml)], file_in("x.gml"), _read, "text"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_connectomes(name: str) -> None:
    withstands(TARGETS[name], QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_connectomes_at_length(name: str) -> None:
    withstands(TARGETS[name], LONG)
