"""Matrices against SciPy, tables against rows, and files that cannot be right."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import io, sparse

import ranvier as rv
from ranvier.connectivity import ConnectivityError
from ranvier.errors import RanvierError

RNG = np.random.default_rng(0)
SQUARE = sparse.random_array((7, 7), density=0.4, rng=RNG).toarray()


def read(path: Path) -> np.ndarray:
    rule = rv.connectome(path)
    assert isinstance(rule, rv.FromMatrix)
    out = np.zeros(rule.shape)
    np.add.at(out, (rule.pre, rule.post), rule.carried["weight"])
    return out


class TestMatrixMarket:
    @pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric"])
    @pytest.mark.parametrize("field", ["real", "integer", "pattern"])
    @pytest.mark.parametrize("form", ["coordinate", "array"])
    def test_as_scipy_reads_it(self, tmp_path: Path, form: str, field: str, symmetry: str) -> None:
        if field == "pattern" and (form == "array" or symmetry == "skew-symmetric"):
            pytest.skip("there is no such matrix")
        matrix = {"general": SQUARE, "symmetric": SQUARE + SQUARE.T, "skew-symmetric": SQUARE - SQUARE.T}[symmetry]
        matrix = matrix if field == "real" else np.rint(10 * matrix).astype(int)
        path = tmp_path / "x.mtx"
        io.mmwrite(path, sparse.coo_array(matrix) if form == "coordinate" else matrix, field=field, symmetry=symmetry)
        found = io.mmread(path)
        expected = found if isinstance(found, np.ndarray) else found.toarray()
        np.testing.assert_array_equal(read(path), expected)
        (tmp_path / "x.mtx.gz").write_bytes(gzip.compress(path.read_bytes()))
        np.testing.assert_array_equal(read(tmp_path / "x.mtx.gz"), expected)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("3 3 2\n1 1 1.5\n2 2 3.5E-", "an entry is not a number"),
            ("3 3 2\n1 1 1.5\n2 2", "promises 2 entries of 3 numbers and holds 5"),
            ("3 3 1\n1 4 1.5", "outside of 3 x 3"),
            ("3 3 1\n0 1 1.5", "outside of 3 x 3"),
            ("3 3 1\n1.5 1 1.5", "outside of 3 x 3"),
            ("3 3 1\nnan 1 1.5", "outside of 3 x 3"),
            ("3 3 1\n1 1 nan", "is nan"),
            ("3 3\n", "line of sizes"),
            ("3 -3 1\n1 1 1", "line of sizes"),
            (f"3 3 {'9' * 5000}\n1 1 1", "line of sizes"),
            ("99999999999 99999999999 99999999999\n1 1 1", "promises 99999999999 entries"),
            ("3 3 1\n1 1 1_5", "not a number"),
            ("3 3 1\n1 1 \0", "not a number"),
        ],
    )
    def test_damaged(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "x.mtx").write_text("%%MatrixMarket matrix coordinate real general\n% made\n" + text)
        with pytest.raises(ConnectivityError, match=rf"x\.mtx cannot be read.*{message}|FromMatrix.*{message}"):
            rv.connectome(tmp_path / "x.mtx")

    @pytest.mark.parametrize(
        "head",
        ["", "%%MatrixMarket matrix", "%%MatrixMarket matrix coordinate complex general", "%%MatrixMarket vector array real general",
         "%%MatrixMarket matrix coordinate real odd", "%%MatrixMarket matrix array pattern general"],
    )  # fmt: skip
    def test_other_kinds(self, tmp_path: Path, head: str) -> None:
        (tmp_path / "x.mtx").write_text(f"{head}\n1 1 1\n1 1 1\n")
        with pytest.raises(ConnectivityError, match="cannot be read"):
            rv.connectome(tmp_path / "x.mtx")

    def test_a_dense_matrix_that_does_not_fit(self, tmp_path: Path) -> None:
        (tmp_path / "x.mtx").write_text("%%MatrixMarket matrix array real general\n9999999 9999999\n1\n")
        with pytest.raises(RanvierError, match="is free: give its entries as coordinates"):
            rv.connectome(tmp_path / "x.mtx")


class TestNpz:
    @pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
    @pytest.mark.parametrize("compressed", [True, False])
    def test_as_scipy_reads_it(self, tmp_path: Path, form: str, compressed: bool) -> None:
        matrix = sparse.coo_array(SQUARE).asformat(form)
        for made in (matrix, sparse.coo_matrix(SQUARE).asformat(form)):
            sparse.save_npz(tmp_path / "x.npz", made, compressed=compressed)
            np.testing.assert_array_equal(read(tmp_path / "x.npz"), SQUARE)

    @pytest.mark.parametrize(
        "change",
        [
            {"indices": np.array([0, 1, 99])},
            {"indices": np.array([0, -1, 2])},
            {"indptr": np.array([0, 1, 2, 99])},
            {"indptr": np.array([0, 2, 1, 3])},
            {"indptr": np.array([1, 1, 2, 3])},
            {"indptr": np.array([0, 1])},
            {"shape": np.array([10**15, 3])},
            {"shape": np.array([3, -3])},
            {"shape": np.array([3])},
            {"data": np.array(["a", "b", "c"])},
            {"data": np.array([1j, 2, 3])},
            {"format": np.array(b"xyz")},
            {"format": np.array([1.0, 2.0])},
            {"indices": np.array([0.0, 1.0, 2.0])},
        ],
        ids=str,
    )
    def test_indices_are_checked_before_they_are_used(self, tmp_path: Path, change: dict) -> None:
        whole = {
            "format": np.array(b"csr"),
            "shape": np.array([3, 3]),
            "data": np.ones(3),
            "indices": np.arange(3),
            "indptr": np.arange(4),
        }
        np.savez(tmp_path / "x.npz", **whole)
        np.testing.assert_array_equal(read(tmp_path / "x.npz"), np.eye(3))
        np.savez(tmp_path / "x.npz", **(whole | change))
        with pytest.raises(RanvierError, match=r"x\.npz cannot be read|is free"):
            rv.connectome(tmp_path / "x.npz")


class TestTables:
    def test_columns_hold_what_rows_say(self, tmp_path: Path) -> None:
        path = tmp_path / "x.tsv"
        path.write_text(
            "# made by hand\npre\tpost\tn\td\textra\n7\t12\t2\t0.5\tx\n12\t7\t1e-1\t1\ty\n\n7\t7\t3\t2\tz\n"
        )
        rule = rv.connectome(path)
        assert isinstance(rule, rv.FromEdges)
        assert rule.nodes == (7, 12)
        rows = list(zip(rule.pre, rule.post, rule.carried["weight"], rule.carried["delay"], strict=True))
        assert rows == [(0, 1, 2, 0.5), (1, 0, 0.1, 1), (0, 0, 3, 2)]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"a,b,1\nc\n", r"line 2 of the edges is \['c'\]; it must name two cells"),
            (b"a,b,1\nc,d\n", "line 2 of the edges .* the first has 3 columns"),
            (b"a,b,1\nc,d,x\n", "'x' is not a number"),
            (b"a,b,1\n\xff,d,2\n", "codec can't decode"),
            (b"a,b,1\n" + b"x" * 200_000 + b",d,2\n", "field larger than field limit"),
            (b"a,b,1\n" + b"7" * 5000 + b",d,2\n", "integer string conversion"),
            (b"a,b,1\nc,d,nan\n", "is nan"),
        ],
        ids=["one", "narrow", "word", "no text", "long", "digits", "nan"],
    )  # fmt: skip
    def test_damaged(self, tmp_path: Path, text: bytes, message: str) -> None:
        (tmp_path / "x.csv").write_bytes(text)
        with pytest.raises(ConnectivityError, match=message):
            rv.connectome(tmp_path / "x.csv")

    def test_a_table_that_explodes_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 200_000) * 100)
        with pytest.raises(ConnectivityError, match="over 200 times as much"):
            rv.connectome(tmp_path / "x.csv.gz")
        (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 200_000)[:-50])
        with pytest.raises(ConnectivityError, match="cannot be read"):
            rv.connectome(tmp_path / "x.csv.gz")


class TestGraphs:
    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("x.gml", "graph [" * 100_000, "more than 64 deep"),
            ("x.gml", "graph [ node [ id 1", "cannot be read"),
            ("x.gml", f"graph [ node [ id {'8' * 5000} ] ]", "cannot be read"),
            ("x.graphml", "<a>" * 100_000, "more than 64 deep"),
            ("x.graphml", '<!DOCTYPE a [<!ENTITY x "y">]><graphml>&x;</graphml>', "declares a document type"),
            ("x.gexf", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><gexf/>', "declares a document type"),
            ("x.gexf", "<gexf/>", "cannot be read"),
            ("x.graphml", "", "cannot be read"),
        ],
    )
    def test_damaged(self, tmp_path: Path, name: str, text: str, message: str) -> None:
        (tmp_path / name).write_text(text)
        with pytest.raises(ConnectivityError, match=message):
            rv.connectome(tmp_path / name)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.mtx", "x.npz", "x.gml", "x.graphml"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConnectivityError, match="a pipe, a device or a socket"):
        rv.connectome(tmp_path / name)
    (tmp_path / "edges.csv").write_text("a,b\n")
    with pytest.raises(ConnectivityError, match="a pipe, a device or a socket"):
        rv.connectome(tmp_path / "edges.csv", tmp_path / name)
