"""External inputs of a simulation: what is given for them takes their place as sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from ranvier._nearest import meant
from ranvier._warn import warn
from ranvier.errors import DimensionError, ShapeError
from ranvier.network.checks import check_source, require_finite
from ranvier.network.order import GraphError
from ranvier.network.stimuli import Source
from ranvier.units import Dimension, as_quantity

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["given_inputs"]


class _Rows(Source):
    """Row n of ``values`` [T, …] acts in step ``first`` + n; ``values`` None is zero in every step."""

    lag = 0

    def __init__(self, shape: tuple[int, ...], values: torch.Tensor | None, first: int) -> None:
        self.shape, self.values, self.first = shape, values, first

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        if self.values is None:
            return torch.zeros(1, 1, *self.shape, device=graph.device, dtype=graph.dtype).expand(count, 1, *self.shape)
        low = first - self.first
        return self.values[low : low + count].unsqueeze(1).to(graph.device, graph.dtype)


def given_inputs(graph: Graph, given: Any, steps: int, first: int) -> Graph:
    """``graph`` with a source in the place of each input, for ``steps`` steps from step ``first`` on.

    Raises
    ------
    GraphError
        For a name that is no input of the network, and for one of no known size that is not given.
    ShapeError
        For an array that has not one row for each step.
    """
    if not graph.inputs:
        if given is not None:
            raise GraphError("inputs= was given, but the network has no external input: declare one with net.input(…).")
        return graph
    named = _named(graph, given)
    missing = [n for n in graph.inputs if n not in named]
    made = {n: _source(graph, n, named.get(n), steps, first) for n in graph.inputs}
    if missing:
        warn(
            f"the input {', '.join(map(repr, missing))} is zero in this run: give it by name, as in "
            f"net.run(…, inputs={{{missing[0]!r}: x}}), with an array [T, N] or a source such as rv.Stimulus(…)."
        )
    kinds = tuple(source if n in named and isinstance(named[n], Source) else n for n, source in made.items())
    memo = graph.memo.alone(kinds)
    alone = replace(graph, inputs={}, sources={**graph.sources, **made}, memo=memo)
    for n, source in made.items():
        check_source(alone, n, source)
    return alone


def _named(graph: Graph, given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(graph.inputs) > 1:
            raise GraphError(
                f"the network has the inputs {', '.join(graph.inputs)}: give them by name, inputs={{'{next(iter(graph.inputs))}': …}}."
            )
        return {next(iter(graph.inputs)): given}
    for name in given:
        if name not in graph.inputs:
            raise GraphError(
                f"inputs= names {name!r}, which is no input of the network: it has {', '.join(graph.inputs)}."
                f"{meant(str(name), graph.inputs)}"
            )
    return dict(given)


def _source(graph: Graph, name: str, value: Any, steps: int, first: int) -> Source:
    """What stands in the place of an input: a source as it is, the rows of an array, or nothing."""
    shape = graph.inputs[name]
    if value is None:
        if shape is None:
            raise GraphError(
                f"the size of the input {name!r} is unknown: declare it, net.input({name!r}, 100), or give it."
            )
        return _Rows(shape, None, first)
    if isinstance(value, Source):
        _plain(name, value.dimension)
        if shape is not None and value.shape != shape:
            raise ShapeError(f"input {name!r} has the shape {shape}, the source {value!r} given for it {value.shape}.")
        return value
    rows = _rows(name, value)
    if rows.ndim < 2 or len(rows) != steps:
        raise ShapeError(
            f"input {name!r} has shape {tuple(rows.shape)}, but the run takes {steps} steps of {graph.dt:g} ms: give one row for "
            f"each step, [T, N], or a source such as rv.TimedArray(…)."
        )
    if shape is not None and rows.ndim == len(shape) + 2 and rows.shape[1] == 1:
        rows = rows.squeeze(1)
    if tuple(rows.shape[1:]) != (shape or tuple(rows.shape[1:])):
        batch = ": a run is of one sample" * (rows.ndim > len(shape or ()) + 1)
        raise ShapeError(
            f"input {name!r} has shape {tuple(rows.shape)}; expected [T, {', '.join(map(str, shape or ('N',)))}]{batch}."
        )
    require_finite(name, rows, "time, cell, …")
    return _Rows(tuple(rows.shape[1:]), rows, first)


def _rows(name: str, value: Any) -> torch.Tensor:
    try:
        quantity = as_quantity(value)
        rows = quantity.value if isinstance(quantity.value, torch.Tensor) else torch.as_tensor(quantity.value)
    except (TypeError, ValueError, RuntimeError):
        raise ShapeError(f"input {name!r} is {type(value).__name__}: give an array [T, N] or a source.") from None
    _plain(name, quantity.dimension)
    if rows.is_complex() or not rows.ndim:
        what = "complex" if rows.is_complex() else repr(value)
        raise ShapeError(f"input {name!r} is {what}: give an array [T, N] of real numbers, or a source.")
    return rows


def _plain(name: str, dimension: Dimension) -> None:
    """Refuse a unit: weights of an input turn plain numbers into what arrives."""
    if not dimension.is_none:
        raise DimensionError(
            f"input {name!r} is given in {dimension}, but an input is a plain number, whose weight has the unit of what arrives: "
            f"divide by the unit, or declare the stimulus itself with net.source(…)."
        )
