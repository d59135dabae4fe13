"""Shapes of the parts of a network: those given, and those that only an input tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["known_shape", "shapes_from", "shapes_known", "unknown_shape"]


def unknown_shape(name: str) -> ShapeError:
    """The error for a part without a size."""
    return ShapeError(f"the size of {name!r} is unknown: give it one.")


def known_shape(graph: Graph, name: str) -> tuple[int, ...]:
    """Shape of what a part emits, where it does not depend on the input."""
    shape = graph.shape_of(name)
    if shape is None:
        raise unknown_shape(name)
    return shape


def shapes_from(graph: Graph, inputs: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Shapes of inputs [T, B, …] and of every population and relay that they reach."""
    shapes = shapes_known(graph, {n: tuple(x.shape[2:]) for n, x in inputs.items()})
    unknown = [n for n in (*graph.populations, *graph.relays) if n not in shapes]
    if unknown:
        raise unknown_shape(unknown[0])
    return shapes


def shapes_known(graph: Graph, given: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs ``given``, of every part with a size, and of those that they reach."""
    shapes = {n: tuple(s) for n, s in given.items()}
    unknown: list[str] = []
    for n in (*graph.populations, *graph.relays):
        shape = graph.shape_of(n)
        if shape is None:
            unknown.append(n)
        else:
            shapes[n] = shape
    while unknown:
        arriving = (p for n in unknown for p in graph.projections.values() if p.post == n)
        ready = next((p for p in arriving if p.pre in shapes), None)
        if ready is None:
            break
        shapes[ready.post] = ready.output_shape(shapes[ready.pre])
        unknown.remove(ready.post)
    return shapes
