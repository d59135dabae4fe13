"""Shapes of the parts of a network: those given, and those that only an input tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ranvier._nearest import meant
from ranvier.errors import ShapeError
from ranvier.network.checks import shape_from

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["given_shapes", "known_shape", "names_of_inputs", "shapes_from", "shapes_known", "unknown_shape"]


def unknown_shape(name: str) -> ShapeError:
    """The error for a part without a size."""
    return ShapeError(f"the size of {name!r} is unknown: give it one.")


def given_shapes(graph: Graph, given: Any, every: bool = False) -> dict[str, tuple[int, ...]] | None:
    """Shapes that a user gives by name of an input (of ``every`` part that emits); a number stands for a row of so many.

    Raises
    ------
    ShapeError
        For anything else, or another name.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ShapeError(
            f"shapes={given!r} must name inputs: write shapes={{{next(iter(graph.inputs), 'input')!r}: (28, 28)}}."
        )
    _known_inputs(graph, given, "shapes", graph.nodes if every else graph.inputs)
    return {n: shape for n, size in given.items() if (shape := shape_from(size, f"shapes[{n!r}]")) is not None}


def names_of_inputs(graph: Graph, given: Any) -> frozenset[str]:
    """Names of inputs in an argument ``dense_inputs``."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ShapeError(
            f"dense_inputs={given!r} must be a list of names, such as [{next(iter(graph.inputs), 'input')!r}]."
        )
    _known_inputs(graph, names := frozenset(given), "dense_inputs", (*graph.inputs, *graph.sources))
    return names


def _known_inputs(graph: Graph, given: Iterable[Any], word: str, known: Iterable[str]) -> None:
    known = [*known]
    unknown = [n for n in given if n not in known]
    if unknown:
        raise ShapeError(
            f"{word} names {unknown[0]!r}, which is no input; the inputs are {', '.join(graph.inputs) or 'none'}.{meant(unknown[0], known)}"
        )


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
    """Shapes ``given`` of inputs and other parts, of every part with a size, and of those that they reach."""
    shapes = {n: tuple(s) for n, s in given.items()}
    unknown: list[str] = []
    for n in (*graph.populations, *graph.relays):
        shape = graph.shape_of(n)
        if shape is None and n not in shapes:
            unknown.append(n)
        elif shape is not None:
            shapes[n] = shape
    while unknown:
        arriving = (p for n in unknown for p in graph.projections.values() if p.post == n)
        ready = next((p for p in arriving if p.pre in shapes), None)
        if ready is None:
            break
        shapes[ready.post] = ready.output_shape(shapes[ready.pre])
        unknown.remove(ready.post)
    return shapes
