"""Parameter sets: values of parameters that differ from sample to sample of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier._nearest import meant
from ranvier.errors import DimensionError, ShapeError
from ranvier.kernels import eager
from ranvier.network.order import GraphError
from ranvier.neurons.values import check_values, dimension_of
from ranvier.units import as_quantity

if TYPE_CHECKING:
    from ranvier.dynamics import Step
    from ranvier.network.graph import Graph
    from ranvier.network.parts.population import Population

__all__ = ["coefficients_of_sets", "parameter_sets"]

Tensor = torch.Tensor


def parameter_sets(graph: Graph, values: Any, batch: int | None) -> tuple[dict[str, dict[str, Tensor]], int | None]:
    """``values[population][parameter]`` as float64 [B, *shape] or [B, 1, …] in base units, and the batch.

    The batch is that of the first value where None is known.

    Raises
    ------
    GraphError, ShapeError, DimensionError, EquationError
        For unknown names, shapes that are neither [B] nor [B, *shape], other units, and values that no parameter can have.
    """
    if not isinstance(values, Mapping) or not all(isinstance(own, Mapping) for own in values.values()):
        raise GraphError(
            f"values={values!r} must name populations and parameters: values={{'exc': {{'tau_m': [10, 20]*ms}}}}."
        )
    out: dict[str, dict[str, Tensor]] = {}
    for name, own in values.items():
        population = _population(graph, name)
        out[name] = {}
        for label, value in own.items():
            number = _number(population, label, value)
            batch = len(number) if batch is None and number.ndim else batch
            out[name][label] = _shaped(population, label, number, batch)
    return out, batch


def coefficients_of_sets(
    population: Population, step: Step, dt: float, values: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The coefficients of every set of parameters as [B, *shape] or [B, 1, …]; those that depend on none of ``values`` as they are.

    They have the bits of a population with arrays as parameters. Exponentials of several matrices round differently from that of
    one, so two cells stand for all if no number differs from cell to cell.
    """
    known, sets, shape = population.values(), [], population.shape or (1,)
    arrays = any(t.numel() > 1 for t in known.values()) or any(t[0].numel() > 1 for t in values.values())
    part = shape if arrays else tuple(min(2, n) for n in shape)
    one = (..., *(slice(None if arrays else 1) for _ in shape))
    for b in range(len(next(iter(values.values())))):
        own = {n: t[b].expand(part) for n, t in values.items()}
        sets.append(eager.coefficients(step, {**known, **own}, dt))
    return {n: torch.stack([own[n] for own in sets])[one] if t.ndim else t for n, t in sets[0].items()}


def _population(graph: Graph, name: str) -> Population:
    if name not in graph.populations:
        raise GraphError(
            f"values= names {name!r}, but the populations are {', '.join(graph.populations)}.{meant(name, graph.populations)}"
        )
    if any(p.plasticity and name in (p.pre, p.post) for p in graph.projections.values()):
        raise GraphError(
            f"values= names {name!r}, whose synapses are plastic: their rule reads one set of parameters. Run one network for each set."
        )
    return graph.populations[name]


def _number(population: Population, label: str, value: Any) -> Tensor:
    """The values in base units, checked by themselves."""
    cell = population.cell
    normed = () if cell.membrane_norm is None else cell.membrane_norm.numbers
    known = [n for n in cell.parameters if n not in normed]
    if label not in known:
        raise GraphError(
            f"{population.name!r} has no parameter {label!r}; it has {', '.join(known) or 'none'}.{meant(label, known)} To set where "
            f"samples begin, pass a state."
        )
    found, wanted = check_values({label: value}, cell.positive)[label], dimension_of(label, cell.parameters[label])
    if found != wanted:
        raise DimensionError(
            f"values[{population.name!r}][{label!r}] has dimension {found}, but the parameter has {wanted}: give the values in that unit."
        )
    number = as_quantity(value).value
    return number if isinstance(number, Tensor) else torch.from_numpy(np.array(number, dtype=np.float64))


def _shaped(population: Population, label: str, number: Tensor, batch: int | None) -> Tensor:
    shape = population.shape or ()
    if batch is not None and number.ndim and len(number) == batch and tuple(number.shape[1:]) in ((), shape):
        return number.to(torch.float64).reshape(batch, *(number.shape[1:] or (1,) * max(1, len(shape))))
    trials = "" if batch is None else f", and the call has {batch} samples"
    whole = f"[samples] or [samples, {', '.join(map(str, shape))}]" if shape else "[samples]"
    raise ShapeError(f"values[{population.name!r}][{label!r}] has shape {tuple(number.shape)}{trials}: give {whole}.")
