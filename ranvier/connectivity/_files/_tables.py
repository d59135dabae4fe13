"""Edges as lines of text, read one after another into columns of numbers."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Hashable, Iterator
from pathlib import Path

import numpy as np

from ranvier.errors import FileFormatError
from ranvier.limits import content

__all__ = ["TABLES", "read_edges", "read_names"]

#: separators by ending; None for any white space
TABLES = {".csv": ",", ".tsv": "\t", ".txt": None, ".edgelist": None}
_TITLES = {"pre", "post", "source", "target", "from", "to", "pre_id", "post_id", "pre_root_id", "post_root_id"}
#: bytes of memory per byte of text: columns of 8 bytes, twice, and the names
_GROWTH = 40


def read_edges(path: Path, kind: str) -> tuple[list[Hashable], np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The names in the order of their first edge, the places of pre and post among them, and weights and delays.

    Raises
    ------
    FileFormatError
        Where a line names fewer than two cells, lines differ in length, or a weight is not a number.
    """
    place: dict[Hashable, int] = {}
    ends, numbers, width = (array("q"), array("q")), (array("d"), array("d")), 0
    for k, row in enumerate(_rows(path, kind)):
        if k == 0 and _is_title(row):
            continue
        if len(row) < 2:
            raise FileFormatError(f"line {k + 1} of the edges is {_show(row)}; it must name two cells")
        width = width or min(len(row), 4)
        if min(len(row), 4) != width:
            raise FileFormatError(
                f"line {k + 1} of the edges is {_show(row)}; the first has {width} columns: give every line as many"
            )
        for end, text in zip(ends, row, strict=False):
            end.append(place.setdefault(_name(text), len(place)))
        for column, text in zip(numbers, row[2:width], strict=False):
            try:
                column.append(float(text))
            except ValueError:
                raise FileFormatError(
                    f"line {k + 1} of the edges is {_show(row)}; {text[:40]!r} is not a number"
                ) from None
    pre, post = (np.frombuffer(end, np.int64) if end else np.empty(0, np.int64) for end in ends)
    named = zip(("weight", "delay"), numbers, strict=True)
    carried = {name: np.frombuffer(column, np.float64) for name, column in named if len(column)}
    return list(place), pre, post, carried


def read_names(path: Path, kind: str) -> list[Hashable]:
    """The first column of a table under its title."""
    return [_name(row[0]) for k, row in enumerate(_rows(path, kind)) if k]


def _rows(path: Path, kind: str) -> Iterator[list[str]]:
    """The fields of each line that is neither empty nor a comment."""
    separator = TABLES.get(kind, ",")
    with io.TextIOWrapper(io.BytesIO(content(path, _GROWTH)), "utf-8", newline="") as text:
        lines = (line for line in text if line.strip() and not line.startswith("#"))
        if separator is None:
            yield from (line.split() for line in lines)
        else:
            yield from (row for row in csv.reader(lines, delimiter=separator) if row)


def _is_title(row: list[str]) -> bool:
    """Whether the first line is a title: it names the columns, or its weight is not a number."""
    return bool({cell.strip().lower() for cell in row[:2]} & _TITLES) or any(not _is_number(x) for x in row[2:4])


def _name(text: str) -> str | int:
    text = text.strip()
    return int(text) if text.isdecimal() else text


def _is_number(text: str) -> bool:
    try:
        float(text)  # "nan" parses as a number, so the line is not a title
        return True
    except ValueError:
        return False


def _show(row: list[str]) -> str:
    text = repr(row)
    return text if len(text) <= 100 else f"{text[:97]}…"
