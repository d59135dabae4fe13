"""Rules whose synapses are given: arrays, matrices, edges, graphs and files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy import io, sparse

import ranvier as rv
from ranvier.connectivity import ConnectivityError, Ends
from ranvier.units import ms, nA

KEY = (0, 0)


def network(cells: int) -> rv.Network:
    net = rv.Network(dt=0.1 * ms)
    net.population("cells", cells, rv.CurrentLIF())
    return net


def table(net: rv.Network) -> np.ndarray:
    """Weights [pre, post] of the only projection."""
    part = next(iter(net.projections.values())).chain[0]
    out = np.zeros(part.sizes)
    np.add.at(out, (part.pre.numpy(), part.post.numpy()), part.effective_weight().numpy())
    return out


class TestArrays:
    def test_weights_and_delays_follow_the_given_order(self) -> None:
        net = network(4)
        pre, post = [3, 0, 3, 1, 3], [1, 2, 0, 1, 1]
        values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
        net.connect("cells", "cells", rv.FromArrays(pre, post), to="I", weight=values * nA, delay=values * ms)
        part = next(iter(net.projections.values())).chain[0]
        np.testing.assert_array_equal(part.pre, [0, 1, 3, 3, 3])
        np.testing.assert_array_equal(part.post, [2, 1, 0, 1, 1])
        np.testing.assert_array_equal(part.weight, [2, 4, 3, 1, 5])
        np.testing.assert_array_equal(part.latency_table, [21, 41, 31, 11, 51])

    def test_none_at_all(self) -> None:
        net = network(4)
        net.connect("cells", "cells", rv.FromArrays([], []), to="I", weight=1 * nA)
        assert not table(net).any()
        assert len(net.run(1 * ms, record={"cells": ["spikes"]})["cells"].spikes) == 0

    @pytest.mark.parametrize(
        ("pre", "post", "message"),
        [([0], [0, 1], "equal length"), ([0.5], [1.0], "whole numbers"), ([[0]], [[0]], "equal length")],
    )
    def test_wrong_arrays(self, pre: list, post: list, message: str) -> None:
        with pytest.raises(ConnectivityError, match=message):
            rv.FromArrays(pre, post)

    @pytest.mark.parametrize(("pre", "post"), [([4], [0]), ([-1], [0]), ([0], [3])])
    def test_cells_that_are_not_there(self, pre: list, post: list) -> None:
        with pytest.raises(ConnectivityError, match="the population has cells 0 to"):
            rv.FromArrays(pre, post).build(Ends((4, 3)), KEY)


class TestMatrix:
    @pytest.mark.parametrize(
        "form", [np.asarray, sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_array]
    )
    def test_every_form_is_read(self, form: Callable) -> None:
        matrix = np.zeros((5, 5))
        matrix[[4, 0, 2], [1, 3, 2]] = 1.0, -2.0, 0.5
        net = network(5)
        net.connect("cells", "cells", rv.FromMatrix(form(matrix)), to="I", weight=0.1 * nA)
        np.testing.assert_allclose(table(net), 0.1 * matrix, rtol=1e-6)

    def test_the_orientation_is_checked(self) -> None:
        with pytest.raises(
            ConnectivityError, match=r"2 x 3, the populations have 3 and 2 cells; it must be \[pre, post\]"
        ):
            rv.FromMatrix(np.ones((2, 3))).build(Ends((3, 2)), KEY)

    def test_nan_is_found(self) -> None:
        with pytest.raises(ConnectivityError, match=r"weight of synapse 1 \(0 to 1\) is nan"):
            rv.FromMatrix([[1.0, np.nan]])


class TestEdges:
    def test_names_weights_and_delays(self) -> None:
        rule = rv.FromEdges([("b", "a", 2, 1.5), ("a", "c", 3, 0.5)])
        assert rule.nodes == ("a", "b", "c")
        net = network(3)
        net.connect("cells", "cells", rule, to="I", weight=1 * nA, delay=1 * ms)
        np.testing.assert_array_equal(table(net), [[0, 0, 3], [2, 0, 0], [0, 0, 0]])
        part = next(iter(net.projections.values())).chain[0]
        np.testing.assert_array_equal(part.latency_table, [6, 16])

    def test_delays_need_a_unit(self) -> None:
        net = network(2)
        with pytest.raises(ConnectivityError, match=r"brings delays; say their unit, for example delay=1\*ms"):
            net.connect("cells", "cells", rv.FromEdges([(0, 1, 2, 3)]), to="I", weight=1 * nA)

    @pytest.mark.parametrize(
        ("edges", "nodes", "message"),
        [
            ([(0, 1), (0, 1, 2)], None, "edge 1"),
            ([(0,)], None, "edge 0"),
            ([(0, "a")], None, "cannot be sorted"),
            ([(0, 5)], 3, "an edge names 5"),
            ([(0, 1)], [0, 1, 1], "occurs twice"),
            ([(0, 1, "x")], None, "is not a number"),
            ([(0, 1, float("inf"))], None, "is inf"),
        ],
    )
    def test_wrong_edges(self, edges: list, nodes: object, message: str) -> None:
        with pytest.raises(ConnectivityError, match=message):
            rv.FromEdges(edges, nodes)

    def test_the_population_must_fit(self) -> None:
        with pytest.raises(ConnectivityError, match="holds 2 cells, the population has 3"):
            rv.FromEdges([(0, 1)]).build(Ends((3, 3)), KEY)


class TestGraph:
    def test_undirected_edges_are_two_synapses(self) -> None:
        rule = rv.FromGraph(nx.path_graph(3))
        net = network(3)
        net.connect("cells", "cells", rule, to="I", weight=2 * nA)
        np.testing.assert_array_equal(table(net), [[0, 2, 0], [2, 0, 2], [0, 2, 0]])

    def test_attributes_are_carried(self) -> None:
        graph = nx.MultiDiGraph()
        graph.add_edge("y", "x", weight=2.0, delay=1.0)
        graph.add_edge("y", "x", weight=3.0, delay=2.0)
        rule = rv.FromGraph(graph)
        assert rule.nodes == ("y", "x")
        np.testing.assert_array_equal(rule.carried["weight"], [2, 3])
        np.testing.assert_array_equal(rule.carried["delay"], [1, 2])

    def test_delays_alone(self) -> None:
        graph = nx.DiGraph()
        graph.add_edge(0, 1, delay=2.0)
        np.testing.assert_array_equal(rv.FromGraph(graph).carried["delay"], [2])

    def test_half_given_attributes_are_refused(self) -> None:
        graph = nx.DiGraph()
        graph.add_edge(0, 1, weight=2.0)
        graph.add_edge(1, 0)
        with pytest.raises(ConnectivityError, match="1 of 2 edges have the attribute 'weight'"):
            rv.FromGraph(graph)
        with pytest.raises(ConnectivityError, match="got list"):
            rv.FromGraph([(0, 1)])


class TestFiles:
    @pytest.mark.parametrize("title", ["", "source,target,synapses\n"])
    def test_a_list_of_edges(self, tmp_path: Path, title: str) -> None:
        path = tmp_path / "edges.csv.gz"
        with gzip.open(path, "wt") as file:
            file.write(title + "AVAL,DA1,4\nDA1,DA10,1.5\n\n# note\n")
        rule = rv.connectome(path)
        assert rule.nodes == ("AVAL", "DA1", "DA10")
        np.testing.assert_array_equal(rule.carried["weight"], [4, 1.5])

    def test_a_table_of_nodes(self, tmp_path: Path) -> None:
        (tmp_path / "edges.tsv").write_text("7\t9\n")
        (tmp_path / "nodes.csv").write_text("node_id,side\n9,L\n8,R\n7,L\n")
        rule = rv.connectome(tmp_path / "edges.tsv", tmp_path / "nodes.csv")
        assert rule.nodes == (9, 8, 7)
        assert (rule.pre[0], rule.post[0]) == (2, 0)

    def test_matrices_and_graphs(self, tmp_path: Path) -> None:
        matrix = sparse.csr_array(np.array([[0, 2.0], [0, 0]]))
        io.mmwrite(tmp_path / "m.mtx", matrix)
        sparse.save_npz(tmp_path / "m.npz", matrix)
        nx.write_graphml(nx.DiGraph([(0, 1)]), tmp_path / "m.graphml")
        for name in ("m.mtx", "m.npz", "m.graphml"):
            found = rv.connectome(tmp_path / name)
            assert (found.pre.tolist(), found.post.tolist()) == ([0], [1])

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.csv", "A\n", "must name two cells"),
            ("a.csv", "A,B,1\nA,C,x\n", "is not a number"),
            ("a.npz", "nonsense", "cannot be read"),
            ("a.mtx", "nonsense", "cannot be read"),
            ("a.graphml", "<nonsense", "cannot be read"),
            ("a.pickle", "", "ending '.pickle'"),
        ],
    )
    def test_bad_files(self, tmp_path: Path, name: str, content: str, message: str) -> None:
        (tmp_path / name).write_text(content)
        with pytest.raises(ConnectivityError, match=message):
            rv.connectome(tmp_path / name)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConnectivityError, match="cannot be read"):
            rv.connectome(tmp_path / "none.csv")

    def test_the_worm(self, data_folder: Callable[[str], Path]) -> None:
        """Cook et al. 2019: 286 cells, 2,838 pairs joined by chemical synapses."""
        folder = data_folder("connectomes")
        worm = rv.connectome(folder / "herm_chem_edgelist.csv.gz", folder / "herm_chem_nodes.csv.gz")
        net = network(len(worm.nodes))
        net.connect("cells", "cells", worm, to="I", weight=1 * nA)
        assert (len(worm.nodes), np.count_nonzero(table(net))) == (286, 2838)
        a, b = worm.nodes.index("ADAL"), worm.nodes.index("ADLL")
        assert table(net)[a, b] == 2
