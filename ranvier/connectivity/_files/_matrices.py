"""Matrices in Matrix Market files and in those of ``scipy.sparse.save_npz``; every index is checked before it is used."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.errors import FileFormatError
from ranvier.limits import content, need, read_npz

__all__ = ["MATRICES", "read_matrix"]

MATRICES = (".mtx", ".npz")
#: bytes of memory per byte of a Matrix Market file
_GROWTH = 30


def read_matrix(path: Path, kind: str) -> Any:
    """A SciPy array in coordinates, or a dense array.

    Raises
    ------
    FileFormatError
        Where the file holds no matrix of real numbers.
    """
    return _sparse(path) if kind == ".npz" else _matrix_market(path)


def _matrix_market(path: Path) -> Any:
    """Boisvert, Pozo & Remington, The Matrix Market exchange formats, NISTIR 5935 (1996)."""
    data = content(path, _GROWTH)
    first, _, rest = data.partition(b"\n")
    words = first.decode("latin-1").lower().split()
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"]:
        raise FileFormatError(
            f"its first line is {first[:80]!r}; a Matrix Market file begins with '%%MatrixMarket matrix …'"
        )
    layout, field, symmetry = words[2:]
    if layout not in ("coordinate", "array") or field not in ("real", "double", "integer", "pattern"):
        raise FileFormatError(f"it holds a matrix '{layout[:20]} {field[:20]}'; only real matrices make synapses")
    if symmetry not in ("general", "symmetric", "skew-symmetric") or (field == "pattern" and layout == "array"):
        raise FileFormatError(f"it holds a matrix '{layout} {field} {symmetry[:20]}', which does not exist")
    while rest.lstrip().startswith(b"%"):
        rest = rest.lstrip().partition(b"\n")[2]
    line, _, body = rest.lstrip().partition(b"\n")
    sizes = [int(word) for word in line[:200].split() if word.isdigit()]
    if len(sizes) != (3 if layout == "coordinate" else 2) or len(sizes) != len(line.split()) or max(sizes) >= 2**62:
        raise FileFormatError(f"its line of sizes is {line[:80]!r}")
    return (_coordinates if layout == "coordinate" else _dense)(_numbers(body), sizes, field, symmetry)


def _numbers(body: bytes) -> np.ndarray:
    """All numbers of a text; an entry that is not a number is an error."""
    if not body.strip():
        return np.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.fromstring(body, np.float64, sep=" ")  # pyright: ignore[reportCallIssue, reportArgumentType]
        except (DeprecationWarning, ValueError) as error:
            raise FileFormatError("an entry is not a number") from error


def _coordinates(numbers: np.ndarray, sizes: list[int], field: str, symmetry: str) -> Any:
    from scipy import sparse  # slow to import

    rows, columns, count = sizes
    width = 2 if field == "pattern" else 3
    if len(numbers) != count * width:
        raise FileFormatError(f"it promises {count} entries of {width} numbers and holds {len(numbers)} numbers")
    table = numbers.reshape(count, width)
    places = table[:, :2]
    if count and not ((places == np.rint(places)).all() and places.min() >= 1 and (places <= (rows, columns)).all()):
        raise FileFormatError(f"an entry lies outside of {rows} x {columns}, counted from 1")
    pre, post = places.astype(np.int64).T - 1
    values = np.ones(count) if field == "pattern" else table[:, 2]
    if symmetry != "general":
        if rows != columns:
            raise FileFormatError(f"it is {symmetry} and {rows} x {columns}")
        off = pre != post
        turned = -values[off] if symmetry == "skew-symmetric" else values[off]
        pre, post = np.concatenate([pre, post[off]]), np.concatenate([post, pre[off]])
        values = np.concatenate([values, turned])
    return sparse.coo_array((values, (pre, post)), shape=(rows, columns))


def _dense(numbers: np.ndarray, sizes: list[int], field: str, symmetry: str) -> np.ndarray:
    rows, columns = sizes
    need(8 * rows * columns, f"a matrix of {rows:,} x {columns:,}", "give its entries as coordinates")
    if symmetry == "general":
        if len(numbers) != rows * columns:
            raise FileFormatError(f"it promises {rows} x {columns} numbers and holds {len(numbers)}")
        return numbers.reshape(columns, rows).T
    skew = symmetry == "skew-symmetric"
    if rows != columns or len(numbers) != rows * (rows - 1 if skew else rows + 1) // 2:
        raise FileFormatError(f"it promises half of {rows} x {columns} numbers and holds {len(numbers)}")
    out = np.zeros((rows, rows))
    column, row = np.triu_indices(rows, 1 if skew else 0)  # the lower half, column by column
    out[row, column] = numbers
    out[column, row] = -numbers if skew else numbers
    return out


def _sparse(path: Path) -> Any:
    """As ``scipy.sparse.save_npz`` writes it."""
    from scipy import sparse  # slow to import

    found = read_npz(
        path, ["format", "shape", "data"], optional=["row", "col", "indices", "indptr", "offsets", "coords"]
    )
    kind = found["format"].item() if found["format"].shape == () else b""
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
    shape, values = tuple(int(n) for n in found["shape"].ravel()), found["data"]
    if len(shape) != 2 or min(shape) < 0 or found["shape"].dtype.kind not in "iu" or values.dtype.kind not in "fiub":
        raise FileFormatError(f"it holds {values.dtype} of shape {shape}; a matrix of numbers has two axes")
    whole = [found[n] for n in ("row", "col", "indices", "indptr", "offsets", "coords") if n in found]
    if any(a.dtype.kind not in "iu" for a in whole):
        raise FileFormatError("its indices are not whole numbers")
    need(
        64 * math.prod(values.shape) + 32 * shape[0 if kind != "csc" else 1],
        "its matrix",
        "use a machine with more memory",
    )
    match kind:
        case "csr" | "csc" | "bsr":
            make = {"csr": sparse.csr_array, "csc": sparse.csc_array, "bsr": sparse.bsr_array}[kind]
            matrix = make((values, found["indices"], found["indptr"]), shape=shape)
            matrix.check_format(full_check=True)
        case "coo":
            places = tuple(found["coords"]) if "coords" in found else (found["row"], found["col"])
            matrix = sparse.coo_array((values, places), shape=shape)
        case "dia":
            matrix = sparse.dia_array((values, found["offsets"]), shape=shape)
        case _:
            raise FileFormatError(f"its format is {kind[:40]!r}; it must be csr, csc, bsr, coo or dia")
    return matrix.tocoo()
