"""Graphs through NetworkX, after a look at the text: no entities, no deep nesting."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.parsers import expat

import networkx as nx

from ranvier.errors import FileFormatError
from ranvier.limits import content

__all__ = ["GRAPHS", "read_graph"]

GRAPHS = (".graphml", ".gml", ".gexf")
#: bytes of memory per byte of text: an edge is a dictionary
_GROWTH = 60
_DEEPEST = 64


def read_graph(path: Path, kind: str) -> Any:
    """The graph; its library raises errors of any class.

    Raises
    ------
    FileFormatError
        Where the text declares entities, or is nested more deeply than any graph.
    """
    data = content(path, _GROWTH)
    if kind == ".gml":
        _check_depth(data)
        return nx.read_gml(io.BytesIO(data))
    _check_xml(data)
    return (nx.read_graphml if kind == ".graphml" else nx.read_gexf)(io.BytesIO(data))


def _check_depth(data: bytes) -> None:
    depth = 0
    for mark in data.translate(None, bytes(set(range(256)) - set(b"[]"))):
        depth += 1 if mark == ord("[") else -1
        if depth > _DEEPEST:
            raise FileFormatError(f"it is nested more than {_DEEPEST} deep")


def _check_xml(data: bytes) -> None:
    depth = 0

    def opened(*_: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise FileFormatError(f"it is nested more than {_DEEPEST} deep")

    def closed(*_: Any) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: Any) -> None:
        raise FileFormatError(
            "it declares a document type, which can make a small text expand without bound: remove that line"
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = opened, closed, declared
    parser.Parse(data, True)
