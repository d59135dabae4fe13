"""Checks of a state from a user or a file, before any kernel reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.dynamics import COUNTER
from ranvier.errors import StateError
from ranvier.network.look import all_finite, numbers_of, sum_of_squares
from ranvier.network.plastic.members import values_of
from ranvier.network.plastic.synapses import kept_in
from ranvier.network.state.history import pending
from ranvier.network.state.state import STREAMS, State
from ranvier.units.steps import same_time

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["check_form", "check_state"]

Tensor = torch.Tensor
#: upper limits of the step and the stream of a state
_BOUNDS = {"step": 2**62, "stream": STREAMS}


def check_state(graph: Graph, state: Any, batch: int) -> State:
    """``state`` after checks: made by this network, or of its form and step length, for the same batch.

    Names, shapes, types and devices must be those of the network; numbers finite; counters whole; emissions of spiking
    parts 0 or 1.
    """
    check_form(state)
    if state.dt is not None and not same_time(state.dt, graph.dt):
        raise StateError(
            f"the state was made with dt={state.dt:g} ms, the network has dt={graph.dt:g} ms: its time, delays and refractory "
            f"periods are counted in steps. Start from state=None, or use a network of that dt."
        )
    if len(state.variables) < len(graph.populations):  # files name no population without variables
        silent = {n: {} for n, p in graph.populations.items() if not (p.cell.system.states or p.cell.system.refractory)}
        state = replace(state, variables={**silent, **state.variables})
    for name, bound in _BOUNDS.items():
        value = getattr(state, name)
        if type(value) is not int or not 0 <= value < bound:
            raise StateError(f"{name}={value!r} of the state must be a whole number from 0 to {bound - 1}.")
    _check_variables(graph, state, batch)
    _check_synapses(graph, state, batch)
    _check_history(graph, state, batch)
    state = replace(state, synapses=_exact_times(graph, state)) if state.synapses else state
    times, variables = graph.times, {n: _as_kept(graph, n, own) for n, own in state.variables.items()}
    if state.dt == graph.dt and state.times == times and all(variables[n] is v for n, v in state.variables.items()):
        return state
    return replace(state, dt=graph.dt, variables=variables, times=times)


def check_form(state: Any) -> None:
    """Check that ``state`` is one: mappings and tensors where a state has them, and a step length that is a number."""
    if not isinstance(state, State):
        raise StateError(
            f"state is {type(state).__name__}: pass on the state a call returned, or net.initial_state(batch)."
        )
    if state.dt is not None and not isinstance(state.dt, Real):
        raise StateError(f"dt={state.dt!r} of the state must be a number of ms, or None where it is unknown.")
    for kind, held in (("variables", state.variables), ("history", state.history), ("synapses", state.synapses)):
        if not isinstance(held, Mapping):
            raise _odd(f"{kind} of the state", held, "a mapping by name")
    for name in state.history:
        if pending(state.history, name) is None and not isinstance(value := state.history[name], Tensor):
            raise _odd(f"the history of {name!r} in the state", value, "a tensor")
    for owners in (state.variables, state.synapses):
        for owner, values in owners.items():
            if not isinstance(values, Mapping):
                raise _odd(f"the state of {owner!r}", values, "a mapping by name")
            for name, value in values.items():
                if not isinstance(value, Tensor):
                    raise _odd(f"{owner}.{name} of the state", value, "a tensor")


def _odd(what: str, value: Any, wanted: str) -> StateError:
    return StateError(f"{what} is {type(value).__name__}: it must be {wanted}, as in a state that a call returned.")


def _exact_times(graph: Graph, state: State) -> Mapping[str, Mapping[str, Tensor]]:
    """Variables of synapses, in float64 where they hold a time and in the network's dtype elsewhere.

    States of earlier versions hold times in float32; :meth:`State.to` leaves every float64 variable what it is.
    """
    rules = {n: graph.projections[n].bound for n in state.synapses}
    return {
        n: {v: x.to(kept_in(rules[n], v, graph.dtype)) for v, x in own.items()} for n, own in state.synapses.items()
    }


def _as_kept(graph: Graph, name: str, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The variables of a population: steps left as int32 and times in float64, which states of earlier versions hold as floats
    of the network's dtype."""
    out = {v: values[v].double() for v in graph.populations[name].cell.system.times if values[v].dtype != torch.float64}
    if COUNTER in values and values[COUNTER].dtype != torch.int32:
        out[COUNTER] = values[COUNTER].detach().to(torch.int32)
    return {**values, **out} if out else values


def _check_variables(graph: Graph, state: State, batch: int) -> None:
    form, counter = (graph.dtype, graph.device), (torch.int32, graph.device)
    populations = dict(graph.populations.items())
    if state.variables.keys() != populations.keys():
        raise StateError(
            f"the state holds {', '.join(state.variables)}, the network {', '.join(graph.populations)}: it belongs to another network."
        )
    for name, values in state.variables.items():
        population = populations[name]
        system = population.cell.system
        wanted = {*system.states, *([COUNTER] if system.refractory else [])}
        if {*values} != wanted:
            missing, odd = sorted(wanted - {*values}), sorted({*values} - wanted)
            what = f"also have {', '.join(missing)}" if missing else f"have no {', '.join(odd)}"
            raise StateError(
                f"the state of {name!r} holds {', '.join(values) or 'nothing'}, but its cells {what}: it belongs to another network."
            )
        shapes = {_tail(v) for v in values.values()} if population.shape is None else {population.shape}
        whole = (batch, *next(iter(shapes))) if len(shapes) == 1 else None
        for variable, value in values.items():
            if not _fits(value, whole, counter if variable == COUNTER else form):
                kinds = {graph.dtype, torch.float64} if variable in system.times else None
                _check_tensor(graph, f"{name}.{variable}", value, (batch,), shapes, kinds)
        if COUNTER in values:
            _check_counter(f"{name}.{COUNTER}", values[COUNTER])


def _check_synapses(graph: Graph, state: State, batch: int) -> None:
    plastic = {n: p for n, p in graph.projections.items() if p.plasticity}
    if state.synapses.keys() != plastic.keys():
        raise StateError(
            f"the state holds plastic synapses of {', '.join(state.synapses) or 'no projection'}, the network has "
            f"{', '.join(plastic) or 'none'}: it belongs to another network."
        )
    for name, p in plastic.items():
        given = {n: tuple(v.shape) for n, v in state.synapses[name].items()}
        wanted = {n: (batch, values_of(p, n)) for n in p.bound.variables}
        if given != wanted:
            raise StateError(
                f"the state of {name!r} holds {given}, the projection has {_told(wanted)}: it belongs to another network, or to "
                f"other synapses (another seed?)."
            )
        for variable, value in state.synapses[name].items():
            kinds = {graph.dtype, torch.float64}
            _check_tensor(graph, f"{name}.{variable}", value, (batch,), {wanted[variable][1:]}, kinds)


def _told(wanted: Mapping[str, tuple[int, ...]]) -> str:
    """Names by shape."""
    shapes = dict.fromkeys(wanted.values())
    return " and ".join(f"{', '.join(n for n, s in wanted.items() if s == shape)} of shape {shape}" for shape in shapes)


def _check_history(graph: Graph, state: State, batch: int) -> None:
    depths, form = graph.depths(), (graph.dtype, graph.device)
    lists = {n: pending(state.history, n) for n in state.history}
    held = {n: _depth(state.history[n]) if own is None else own.shape[0] for n, own in lists.items()}
    if held != depths:
        raise StateError(
            f"the state remembers spikes for {held or 'no'} steps, the delays of the network need {depths or 'none'}: it belongs to another network."
        )
    for name, own in lists.items():
        shape = graph.shape_of(name)
        if (
            own is not None
            and shape is not None
            and own.shape == (depths[name], batch, *shape)
            and own.dtype == form[0]
        ):
            continue  # zeros and ones by themselves
        value = state.history[name]
        tail = _tail(value, 2) if shape is None else shape
        if not _fits(value, (depths[name], batch, *tail), form):
            _check_tensor(graph, f"the history of {name!r}", value, (depths[name], batch), {tail})
        numbers = numbers_of(value) if _spikes_alone(graph, name) else None
        if numbers is not None and np.count_nonzero(numbers * numbers != numbers):
            odd = float(numbers[(numbers != 0) & (numbers != 1)][0])
            raise StateError(
                f"the history of {name!r} in the state holds {odd:g}, but it emits spikes, 0 or 1 per cell and step: pass on "
                f"a state as a call returned it."
            )


def _depth(value: Tensor) -> int:
    return value.shape[0] if value.ndim else 0


def _fits(value: Tensor, shape: tuple[int, ...] | None, form: tuple[torch.dtype, torch.device]) -> bool:
    """A fast test whether :func:`_check_tensor` would pass."""
    if value.shape != shape or (value.dtype, value.device) != form:
        return False
    numbers = numbers_of(value)
    if numbers is None or numbers.dtype.kind != "f":
        return True
    return sum_of_squares(numbers) < math.inf or all_finite(numbers)


def _check_tensor(
    graph: Graph, what: str, value: Tensor, head: tuple[int, ...], tails: set[tuple[int, ...]],
    kinds: set[torch.dtype] | None = None,
) -> None:  # fmt: skip
    """Check that ``value`` [*head, *tail] is a finite tensor of the network's type or of ``kinds``, on its device."""
    shape = tuple(value.shape)
    if shape[: len(head)] != head and len(shape) >= len(head) and shape[: len(head) - 1] == head[:-1]:
        raise StateError(
            f"the state was made for a batch of {shape[len(head) - 1]} ({what}), the input has {head[-1]}: start from "
            f"state=None or a state of that batch."
        )
    if shape[: len(head)] != head or tails != {shape[len(head) :]}:
        raise StateError(
            f"{what} of the state has shape {shape[len(head) :]}, the population {min(tails)}: it belongs to another network."
        )
    if value.dtype not in (kinds or {graph.dtype, torch.int32 if what.endswith(f".{COUNTER}") else graph.dtype}):
        raise StateError(f"the state is in {value.dtype}, the network in {graph.dtype}: call state.to({graph.dtype}).")
    if value.device != graph.device:
        raise StateError(
            f"the state is on {value.device}, the network on {graph.device}: call state.to({str(graph.device)!r})."
        )
    numbers = numbers_of(value)
    if numbers is not None and not all_finite(numbers):
        where = np.argwhere(~np.isfinite(numbers))[0]
        raise StateError(
            f"{what} of the state is {numbers[tuple(where)]} at {where.tolist()}: every number of a state must be finite. Start "
            f"from state=None, or from an earlier state."
        )


def _check_counter(what: str, value: Tensor) -> None:
    """Steps of refractoriness left."""
    numbers = numbers_of(value)
    if numbers is None or not numbers.size:
        return
    least = float(numbers.min())
    if least >= 0 and value.dtype == torch.int32:
        return
    if least < 0 or float(numbers.max()) >= 2**31 or bool((numbers != np.floor(numbers)).any()):
        raise StateError(
            f"{what} of the state holds {least:g} to {float(numbers.max()):g}, or fractions: it counts the steps of "
            f"refractoriness left, whole numbers from 0 to 2^31 - 1."
        )


def _spikes_alone(graph: Graph, name: str) -> bool:
    """Whether a part emits only 0 and 1."""
    if name in graph.populations:
        cell = graph.populations[name].cell
        return any(event.name == cell.emit for event in cell.system.events)
    return name in graph.sources and graph.sources[name].single


def _tail(value: Tensor, head: int = 1) -> tuple[int, ...]:
    return tuple(value.shape[head:])
