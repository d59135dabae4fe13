"""What is asked of a network is checked before anything is computed."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ranvier._nearest import meant
from ranvier.dynamics import COUNTER
from ranvier.errors import ShapeError
from ranvier.network.look import numbers_of, sum_of_squares
from ranvier.network.order import GraphError
from ranvier.network.state.state import State
from ranvier.network.stimuli import Source

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = [
    "MOST",
    "check_apart",
    "check_batch",
    "check_dtype",
    "check_ends",
    "check_learnable",
    "check_length",
    "check_name",
    "check_period",
    "check_record",
    "check_source",
    "describe_non_finite",
    "is_name",
    "one_shape",
    "require_finite",
    "shape_from",
    "take_inputs",
    "whole",
]

Tensor = torch.Tensor
#: the largest input that is searched for NaN at every call
_SMALL = 1 << 20
#: magnitudes beyond any model
MOST = 1e20
#: so few numbers are squared
_QUICK = 1 << 12
_TAKEN = frozenset((*dir(nn.ModuleDict()), "populations", "projections"))
#: what other libraries call membranes, spikes and currents
_ELSEWHERE = {
    **dict.fromkeys(("mem", "v_mem", "v_seq", "membrane", "u"), "v"),
    **dict.fromkeys(("spk", "z", "s"), "spikes"),
    **dict.fromkeys(("syn", "i_syn"), "i"),
}


def check_name(name: Any, taken: Mapping[str, str], what: str = "part") -> str:
    """A name that can stand in files, tables and state dictionaries; ``taken`` says what has which name already."""
    article = "an" if what[0] in "aeiou" else "a"
    if not is_name(name):
        raise GraphError(f"{name!r} cannot name {article} {what}: use letters, digits and underscores.")
    if name in _TAKEN:
        raise GraphError(
            f"{name!r} cannot name {article} {what}, because torch and networks have an attribute of that name: choose another name."
        )
    if name in taken:
        raise GraphError(f"{name!r} is already the name of {taken[name]}: choose another name for the {what}.")
    return name


def is_name(name: Any) -> bool:
    """Whether a part may have this name."""
    return isinstance(name, str) and re.fullmatch(r"\w+", name) is not None


def whole(value: Any, what: str) -> int:
    """A whole number, from anything that is one."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise GraphError(f"{what}={value!r} must be a whole number.") from None


def check_source(graph: Graph, name: str, source: Any) -> None:
    """That ``source`` is one for the steps of this network, and that no other name stands for it."""
    check_apart(graph.sources, name, source)
    source.check(graph.dt)


def check_apart(sources: Mapping[str, Source], name: str, source: Any) -> None:
    """That ``source`` is one, and that no other name among ``sources`` already stands for it: random numbers go by the name."""
    if not isinstance(source, Source):
        raise GraphError(
            f"source {name!r} is {type(source).__name__}: give rv.Poisson(…), rv.SpikeTrains(…), rv.TimedArray(…) or your own Source."
        )
    for known, other in sources.items():
        if known != name and any(part is mine for part in _parts(other) for mine in _parts(source)):
            raise GraphError(
                f"source {name!r} reuses the object registered as {known!r}; both would emit identical random numbers: make "
                f"another one, or connect {known!r} to both targets."
            )


def check_dtype(graph: Graph) -> None:
    """That the network is in float32 or float64."""
    if graph.dtype not in (torch.float32, torch.float64):
        raise ShapeError(f"the network is in {graph.dtype}: call net.float() or net.double() first.")


def check_learnable(graph: Graph) -> None:
    """That torch can record gradients of the tensors of a network.

    Raises
    ------
    GraphError
        Where one was made in inference mode.
    """
    for name, part in (*graph.populations.items(), *graph.projections.items()):
        for label, tensor in (*part.named_parameters(), *part.named_buffers()):
            if not is_lazy(tensor) and tensor.is_inference():
                raise GraphError(
                    f"{name}: {label.removeprefix('chain.0.')} was made inside torch.inference_mode, so that torch records no gradient with it. "
                    f"Make the network outside, or continue with a copy made outside: net = copy.deepcopy(net)."
                )


def check_ends(graph: Graph) -> None:
    """That every projection begins and ends at a part of the network.

    Raises
    ------
    GraphError
        Where such a part was deleted.
    """
    known = {*graph.nodes}
    for n, p in graph.projections.items():
        if p.pre not in known or p.post not in known:
            raise GraphError(
                f"projection {n!r} joins {p.pre!r} to {p.post!r}, but the network has no {p.pre if p.pre not in known else p.post!r} any "
                f"more: delete the projection too, with del net.projections[{n!r}]."
            )


def _parts(source: Any) -> tuple[Any, ...]:
    return (source, *getattr(source, "parts", ()))


def shape_from(size: Any, what: str) -> tuple[int, ...] | None:
    """A number of cells or a shape, as a tuple."""
    if size is None:
        return None
    try:
        shape = (
            tuple(map(operator.index, size)) if isinstance(size, tuple | list | torch.Size) else (operator.index(size),)
        )
    except TypeError:
        shape = ()
    if not shape or min(shape) <= 0:
        raise ShapeError(f"{what}: size={size!r} must be a positive number or a shape of positive numbers.")
    return shape


def one_shape(size: Any, own: Any, what: str) -> tuple[int, ...] | None:
    """The shape that a population (``size``) or its cell (``own``) was given; both if they agree."""
    shape = shape_from(own if size is None else size, what)
    if size is not None and own is not None and shape != shape_from(own, what):
        raise ShapeError(f"{what}: size={size!r}, but its cell was made with size={own!r}: leave one of them out.")
    return shape


def check_batch(value: Any) -> int | None:
    """A number of samples of at least one, or None."""
    return _at_least(1, value, "batch", "be at least 1.")


def check_length(value: Any) -> int | None:
    """A number of steps, or None; a call may have none."""
    return _at_least(0, value, "steps", "not be negative.")


def check_period(value: Any, what: str) -> int | None:
    """A number of steps of at least one, or None."""
    return _at_least(1, value, what, "be at least one step; None for the whole sequence.")


def _at_least(least: int, value: Any, what: str, must: str) -> int | None:
    """A whole number, or None."""
    count = None if value is None else whole(value, what)
    if count is not None and count < least:
        raise GraphError(f"{what}={value!r} must {must}")
    return count


def describe_non_finite(graph: Graph, state: State, cause: str | None = None) -> str | None:
    """Which variable of a state is NaN, infinite or beyond 1e20, as a sentence; None where all are sound.

    ``cause`` is the reason, where known.
    """
    hint = cause or "a smaller dt, another integration method or weaker input may help"
    for what, owners in (("cell", state.variables), ("synapse", state.synapses)):
        for name, variable, value in ((n, v, x) for n, values in owners.items() for v, x in values.items()):
            if _surely_sound(value):
                continue
            bad = ~(value.detach().abs() < MOST)
            if bool(bad.any()):
                where = tuple(torch.nonzero(bad)[0].tolist())
                return (
                    f"{name}.{variable} of {what} {where[1] if len(where) == 2 else where[1:]} became {float(value.detach()[where])} "
                    f"before step {state.step} (t = {state.step * graph.dt:g} ms); {hint}."
                )
    return None


def _surely_sound(value: Tensor) -> bool:
    """Whether a quick look shows that every number is finite and of a size that models have; False says nothing."""
    if value.numel() <= _QUICK:
        numbers = numbers_of(value)
        return numbers is not None and (numbers.dtype.kind != "f" or sum_of_squares(numbers) < MOST)
    return abs(float(value.detach().sum())) < MOST  # as in require_finite; false for NaN


def surely_finite(value: Tensor) -> bool:
    """Whether an input surely holds neither NaN nor infinity; False leaves it open."""
    if value.numel() > _SMALL:  # not looked at in any call
        return True
    if value.numel() > _QUICK:
        return math.isfinite(float(value.detach().sum()))
    numbers = numbers_of(value)
    return numbers is not None and math.isfinite(sum_of_squares(numbers.reshape(-1)))


def require_finite(name: str, value: Tensor, axes: str = "time, batch, …") -> None:
    """Find NaN and infinity in an input with these axes."""
    value = value.detach()
    if math.isfinite(float(value.sum())):  # a sum that is finite has seen no other; one that overflows is looked into
        return
    bad = ~torch.isfinite(value)
    if bool(bad.any()):
        where = tuple(torch.nonzero(bad)[0].tolist())
        raise ShapeError(
            f"input {name!r} holds {float(value[where])} at [{axes}] = {where}; clean the data before the call."
        )


def take_inputs(graph: Graph, x: Any) -> tuple[dict[str, Tensor], int, int]:
    """The inputs of a call by name in the network's dtype, the number of steps and the batch."""
    if graph.device.type == "meta":
        raise ShapeError(
            "the network is on the device 'meta', which holds no numbers: call net.to_empty(device='cpu') and then net.load_state_dict(…)."
        )
    check_dtype(graph)
    if not graph.inputs:
        raise GraphError(
            "the network has no external input: declare one with net.input(…), or simulate with net.run(…)."
        )
    given = dict(x) if isinstance(x, Mapping) else {next(iter(graph.inputs)): x}
    if given.keys() != graph.inputs.keys():
        raise ShapeError(
            f"the network takes inputs {', '.join(graph.inputs)}; got {', '.join(map(str, given)) or 'none'}."
        )
    out = {name: _take(name, value, graph.inputs[name], graph) for name, value in given.items()}
    sizes = {tuple(value.shape[:2]) for value in out.values()}
    if len(sizes) > 1:
        raise ShapeError(f"inputs disagree on [T, B]: {sorted(sizes)}.")
    steps, batch = sizes.pop()
    return out, steps, batch


def _any_axes(graph: Graph, name: str) -> bool:
    """Whether further axes may come before the declared ones: cells without a size take theirs from what arrives."""
    readers = [p for p in graph.projections.values() if p.pre == name]
    return bool(readers) and all(graph.shape_of(p.post) is None for p in readers)


def _take(name: str, value: Any, shape: tuple[int, ...] | None, graph: Graph) -> Tensor:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], State):
        raise ShapeError(
            f"input {name!r} is the pair (output, state) of another call: write out, state = layer(x), and pass out; in "
            f"torch.nn.Sequential write layer.output_only()."
        )
    try:
        value = value if isinstance(value, Tensor) else torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise ShapeError(
            f"input {name!r} is {type(value).__name__}: give a tensor or an array [T, B, …] of numbers."
        ) from None
    if value.is_complex():
        raise ShapeError(f"input {name!r} is complex; give real numbers.")
    least = 3 if shape is None else 2 + len(shape)
    if (
        shape is not None
        and value.ndim > least
        and tuple(value.shape[-len(shape) :]) == shape
        and _any_axes(graph, name)
    ):
        shape = None
    if value.ndim < least or (shape is not None and tuple(value.shape[2:]) != shape):
        expected = "[T, B, …]" if shape is None else f"[T, B, {', '.join(map(str, shape))}]"
        hint = _hint(graph, name, value, shape)
        raise ShapeError(
            f"input {name!r} has shape {tuple(value.shape)}; expected {expected} (time, batch, features){hint}."
        )
    if value.shape[1] == 0:
        raise ShapeError(f"input {name!r} has shape {tuple(value.shape)}: the batch is empty.")
    value = value.to(graph.device, graph.dtype)
    if value.numel() <= _SMALL:
        require_finite(name, value)
    return value


def _hint(graph: Graph, name: str, value: Tensor, shape: tuple[int, ...] | None) -> str:
    """What may be meant by an input of another shape, as the end of a sentence."""
    axes = 0 if shape is None else len(shape)
    if value.ndim < 2 + axes or shape is None:
        return " - for one sample [T, …] pass x.unsqueeze(1); for one step [B, …] call .step(x, state)"
    if value.ndim == 3 + axes and len(value) == 1 and tuple(value.shape[3:]) == shape:
        return " - step takes [B, …]; for a sequence [T, B, …] call net(x, state)"
    if tuple(value.shape[-axes:]) == shape:
        readers = ", ".join(repr(p.post) for p in graph.projections.values() if p.pre == name)
        return f" - for further axes leave out the size of {readers}: its cells then take the shape of the input"
    return ""


def check_record(graph: Graph, record: Any, sources: bool = False) -> None:
    """That everything asked for exists; the spikes of ``sources`` are known in a simulation alone."""
    if not isinstance(record, Mapping):
        raise GraphError(
            f"record is {type(record).__name__}: give names by population, such as record={{'exc': ['spikes', 'v']}}."
        )
    for name, variables in record.items():
        if isinstance(variables, str) or not isinstance(variables, Iterable):
            raise GraphError(
                f"record[{name!r}] must be a list of names, such as [{variables if isinstance(variables, str) else 'spikes'!r}]."
            )
        known = _recordable(graph, name, sources)
        for variable in variables:
            if variable not in known:
                ours = _ELSEWHERE.get(variable)
                hint = f" Did you mean {ours!r}?" if ours in known else meant(variable, known)
                raise GraphError(f"cannot record {variable!r} of {name!r}: it has {', '.join(known)}.{hint}")


def _recordable(graph: Graph, name: str, sources: bool) -> list[str]:
    if name in graph.populations:
        system = graph.populations[name].cell.system
        events = ["spikes" if e.name == "spike" else e.name for e in system.events]
        left = [COUNTER] if system.refractory else []
        return [*events, *system.states, *left, *system.subexpressions, *system.before]
    if name in graph.relays:
        return ["x"]
    plasticity = graph.projections[name].plasticity if name in graph.projections else None
    if plasticity:
        return list(plasticity.variables)
    if sources and name in graph.sources:
        if graph.sources[name].lag > 0:
            return ["spikes"]
        raise GraphError(
            f"cannot record {name!r}: it is a signal, a function of the step; its block(first, steps, graph) gives the values."
        )
    fire = [n for n, s in graph.sources.items() if s.lag > 0] if sources else []
    plastic = [n for n, p in graph.projections.items() if p.plasticity]
    there = [*graph.populations, *graph.relays, *plastic, *fire]
    if name in graph.inputs or name in graph.sources:
        raise GraphError(f"cannot record {name!r}: it is an input of the network. There are {', '.join(there)}.")
    if name in graph.projections:
        raise GraphError(
            f"cannot record {name!r}: it is a projection without plasticity, whose synapses have no variables. There are "
            f"{', '.join(there)}."
        )
    raise GraphError(f"cannot record {name!r}: there are {', '.join(there) or 'no populations'}.{meant(name, there)}")
