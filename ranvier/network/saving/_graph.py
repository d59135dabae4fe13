"""A whole network as plain data and tensors, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from ranvier import __version__
from ranvier.connectivity import Positions
from ranvier.connectivity.bound import Binding
from ranvier.connectivity.registry import describe as describe_transform
from ranvier.connectivity.registry import rebuild as rebuild_transform
from ranvier.connectivity.registry import transform_of
from ranvier.dynamics import OWN_RESETS, Reset
from ranvier.errors import FileFormatError
from ranvier.limits.record import Record, damaged
from ranvier.limits.tensors import fill
from ranvier.network.network import Network
from ranvier.network.parts.population import Population, Relay
from ranvier.network.parts.projection import Projection
from ranvier.network.plastic.bind import bind_rule
from ranvier.network.precision import HALVES
from ranvier.network.saving._cells import (
    decode_cell,
    decode_plasticity,
    decode_surrogate,
    encode_cell,
    encode_plasticity,
    encode_surrogate,
)
from ranvier.network.saving._folder import Kind
from ranvier.network.saving._sources import decode_source, encode_source
from ranvier.network.saving._values import decode_value, encode_value
from ranvier.network.sequential import Sequential
from ranvier.units import UNITS, Quantity
from ranvier.values import Distribution, Learn

__all__ = ["FORMAT", "NETWORK", "describe", "describe_parts", "named_in_files", "rebuild"]

#: version of the description; raise it whenever the meaning of a description changes
FORMAT = 1
NETWORK = Kind("network", "network.json", "weights", FORMAT)

Tensors = dict[str, torch.Tensor]
#: a part whose class a file cannot hold -> plain data
Unknown = Callable[[Any], Any]
_DTYPES = {str(t).removeprefix("torch."): t for t in (torch.float32, torch.float64, *HALVES)}


def describe(net: Network) -> tuple[dict[str, Any], Tensors]:
    """The description of a network, and its tensors by name.

    Raises
    ------
    FileFormatError
        Where a part is of a class that a file cannot hold, named with the remedy.
    """
    tensors = _tensors(net)
    made = {} if net.made_by is None else {"made_by": net.made_by}
    return {**made, **describe_parts(net, tensors)}, tensors


def describe_parts(net: Network, tensors: Tensors, unknown: Unknown | None = None) -> dict[str, Any]:
    """The description of a network; arrays that belong to no module go to ``tensors``.

    ``unknown`` gives plain data for a part whose class a file cannot hold; where None, such a part is refused.
    """
    seen: dict[int, str] = {}
    sources = {n: _told(s, unknown, encode_source, s, f"sources/{n}", tensors) for n, s in net.sources.items()}
    return {
        "versions": {"ranvier": __version__, "torch": torch.__version__},
        "kind": "Sequential" if isinstance(net, Sequential) else "Network",
        "dt": net.dt,
        "seed": net.seed,
        "dtype": str(net.dtype).removeprefix("torch."),
        "provider": net.provider,
        "surrogate": encode_surrogate(net.surrogate),
        "reset_gradient": net.reset_gradient,
        "training": net.training,
        "inputs": {n: _shape(s) for n, s in net.inputs.items()},
        "sources": sources,
        "outputs": list(net.outputs),
        "populations": {n: _population(p, _sharing(net, p), tensors, unknown) for n, p in net.populations.items()},
        "relays": {n: _shape(r.size) for n, r in net.relays.items()},
        "projections": {n: _projection(p, seen, tensors, unknown) for n, p in net.projections.items()},
        "fixed": [n for n, q in named_in_files(net, "_parameters").items() if not q.requires_grad],
    }


def _told(part: Any, unknown: Unknown | None, encode: Callable[..., Any], *arguments: Any) -> Any:
    """``encode(*arguments)``, or the data of ``unknown`` for a part that a file cannot hold."""
    try:
        return encode(*arguments)
    except FileFormatError:
        if unknown is None:
            raise
        return unknown(part)


def _tensors(net: Network) -> Tensors:
    """Every parameter and buffer, once; a tensor that two modules share has no name of its own and is refused."""
    out: Tensors = {}
    owner: dict[int, str] = {}
    for prefix, module in nn.Module.named_modules(net):  # files have the paths of the tree
        for leaf, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is None or (module is net and leaf == "_probe"):
                continue
            name = f"{prefix}.{leaf}" if prefix else leaf
            if leaf == "latency_table" and isinstance(module, Projection):
                name = f"{prefix}.chain.0.{leaf}"  # the name it has in files
            if isinstance(module, Population) and _sharing(net, module) and isinstance(tensor, nn.Parameter):
                continue  # the first population of this cell has it
            if id(tensor) in owner:
                one = f"{name} and {owner[id(tensor)]} are one tensor"
                raise FileFormatError(f"{one}, which a file cannot say: use one module in both places, or a copy.")
            owner[id(tensor)], out[name] = name, tensor
    return out


def named_in_files(net: nn.Module, table: str, *, once: bool = True) -> dict[str, torch.Tensor]:
    """Tensors in a ``table`` of torch's modules by the paths that stand in files; ``once`` leaves out further names of one."""
    out: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for path, module in nn.Module.named_modules(net, remove_duplicate=once):
        for leaf, tensor in module.__dict__[table].items():
            if tensor is not None and not (once and id(tensor) in seen):
                seen.add(id(tensor))
                out[f"{path}.{leaf}" if path else leaf] = tensor
    return out


def _shape(shape: tuple[int, ...] | None) -> list[int] | None:
    return None if shape is None else list(shape)


def _sharing(net: Network, population: Population) -> str | None:
    """The name of the population whose learnable values this one uses, where there is one."""
    first = net.graph.of_cell(population.cell)
    return None if first is None or first is population or not list(first.parameters()) else first.name


def _population(population: Population, same: str | None, tensors: Tensors, unknown: Unknown | None) -> dict[str, Any]:
    out: dict[str, Any] = {"shape": _shape(population.shape)}
    if same is None:
        cell = population.cell
        out["cell"] = _told(cell, unknown, encode_cell, cell, f"cells/{population.name}", tensors)
    else:
        out["same_cell_as"] = same
    where = population.positions
    if where is not None:
        coordinates = encode_value(
            Quantity(where.coordinates, where.dimension), f"positions/{population.name}", tensors
        )
        out["positions"] = {**coordinates, "period": None if where.period is None else where.period.tolist()}
    return out


def _projection(
    projection: Projection, seen: dict[int, str], tensors: Tensors, unknown: Unknown | None
) -> dict[str, Any]:
    chain = []
    for k, transform in enumerate(projection.chain.transforms):
        where, name = f"{projection.name}.{k}", f"projections.{projection.name}.chain.{k}"
        module = transform.module
        known = {"same_as": seen[id(module)]} if id(module) in seen else None
        bound = projection.bound_transform if k == 0 else transform.bind(Binding(projection.dt))
        told = (describe_transform, transform, where, name, tensors, bound)
        chain.append(known or _told(module, unknown, *told))
        seen.setdefault(id(module), where)
    ends = {"pre": projection.pre, "post": projection.post, "port": projection.port}
    out = {**ends, "latency": projection.lag, "chain": chain, "plasticity": None}
    if projection.plasticity is not None:
        rule = projection.plasticity.rule
        out["plasticity"] = _told(rule, unknown, encode_plasticity, rule, f"rules/{projection.name}", tensors)
    return out


def rebuild(record: Record, tensors: Tensors) -> Network:
    """The network that :func:`describe` described. ``tensors`` must hold exactly what it needs.

    Raises
    ------
    FileFormatError, or another error of the package from the part that refused what it was given
    """
    left = dict(tensors)
    kinds: dict[str, type[Network]] = {"Network": Network, "Sequential": Sequential}
    kind = kinds[record.choice("kind", *kinds)]
    net = kind.__new__(kind)
    Network.__init__(
        net, dt=record.number("dt") * UNITS["ms"], seed=record.whole("seed", -(2**62)),
        surrogate=decode_surrogate(record, "surrogate"), dtype=_DTYPES[record.choice("dtype", *_DTYPES)],
        provider=record.text("provider") if "provider" in record else None,
        reset_gradient=cast("Reset", record.choice("reset_gradient", *OWN_RESETS)) if "reset_gradient" in record else "auto",
    )  # fmt: skip
    if "made_by" in record:
        net.made_by = record.child("made_by").data
    for name in record.child("inputs").data:
        net.input(name, record.child("inputs").sizes(name))
    for name, inner in record.children("sources"):
        net.source(name, decode_source(inner, left))
    for name, inner in record.children("populations"):
        _add_population(net, name, inner, left)
    for name in record.child("relays").data:
        net.population(name, record.child("relays").sizes(name), Relay())
    modules: dict[str, nn.Module] = {}
    for name, inner in record.children("projections"):
        _add_projection(net, name, inner, left, modules)
    _finish(net, record, left)
    return net


def _add_population(net: Network, name: str, record: Record, left: Tensors) -> None:
    """Values per cell are drawn or copied as the population is made, so first see that the file holds as many."""
    shape, shares = record.sizes("shape"), "same_cell_as" in record
    if shares:
        cell = net.populations[record.choice("same_cell_as", *net.populations)].cell
    else:
        cell = decode_cell(record.child("cell"), left)
    for label, value in cell.parameters.items():
        if (shares and isinstance(value, Learn)) or (
            cell.membrane_norm is not None and label in cell.membrane_norm.numbers
        ):
            continue
        tensor = left.get(f"populations.{name}.{label}")
        start = value.value if isinstance(value, Learn) else value
        each = (
            isinstance(start, Distribution) or np.ndim(getattr(start, "value", 0)) > 0 or getattr(value, "each", False)
        )
        if tensor is None or (each and tuple(tensor.shape) != shape):
            found = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
            raise damaged(f"{record.where}.{label}", f"the tensor is {found}, expected one value per cell {shape}")
    net.population(name, shape, cell, positions=_positions(record, left) if "positions" in record else None)
    population = net.populations[name]
    fill(population, _taker(left, f"populations.{name}"), record.where, parameters=not shares)
    if population.membrane_norm is not None:
        fill(population.membrane_norm, _taker(left, f"populations.{name}.membrane_norm"), record.where)


def _positions(record: Record, left: Tensors) -> Positions:
    inner = record.child("positions")
    coordinates = decode_value(inner, left)
    if not isinstance(coordinates, Quantity):
        raise inner.error("array", "the name of a tensor with coordinates")
    period = inner.data.get("period")
    if period is not None and (not isinstance(period, list) or any(type(x) not in (float, int) for x in period)):
        raise inner.error("period", "a list of lengths or null")
    return Positions(coordinates, None if period is None else Quantity(np.array(period, float), coordinates.dimension))


def _add_projection(net: Network, name: str, record: Record, left: Tensors, modules: dict[str, nn.Module]) -> None:
    pre, post = record.text("pre"), record.text("post")
    if not name or "." in name or "/" in name or post not in (*net.populations, *net.relays):
        raise record.error("post", "the name of a population, in a projection whose name has no dot or slash")
    if name in net.graph.taken:
        raise damaged(record.where, f"{name!r} is already the name of {net.graph.taken[name]}")
    ends = net.shape_of(pre), net.shape_of(post)
    port = net.graph.port_of(post, record.text("port"))
    chain: list[nn.Module] = []
    lag = record.whole("latency")
    for k, inner in enumerate(record.items("chain")):
        if "same_as" in inner:
            module = modules[inner.choice("same_as", *modules)]
        else:
            module = rebuild_transform(inner, _taker(left, f"projections.{name}.chain.{k}"), Binding(net.dt, lag))
        misfit = transform_of(module).misfit(*ends, pre == post)
        if misfit is not None:
            raise inner.error(*misfit)
        modules[f"{name}.{k}"] = module
        chain.append(module)
    bound = None
    if "plasticity" in record:
        if len(chain) != 1 or transform_of(chain[0]).pattern() is None:
            raise record.error("plasticity", "none, as the projection has no single synapses")
        bound = bind_rule(net.graph, decode_plasticity(record.child("plasticity"), left), pre, post, port)
    made = Projection(name, pre, post, port, chain, lag, bound, dt=net.dt, seed=net.seed)
    steps = left.pop(f"projections.{name}.chain.0.latency_table", None)  # of a transform that stands elsewhere too
    if steps is not None and (made.latency_table is None or not torch.equal(steps, made.latency_table)):
        raise damaged(record.where, "its whole steps are not those of the transform it shares")
    net._add(made)


def _finish(net: Network, record: Record, left: Tensors) -> None:
    """Outputs, what is not to be trained, and a last look: nothing over, nothing off, and an order to run in."""
    for name in record.names("outputs"):
        net.shape_of(name)
        net.outputs.append(name)
    if left:
        raise damaged(record.where, f"tensor {min(left)!r} belongs to no part of the network")
    fixed = set(record.names("fixed"))
    for name, parameter in named_in_files(net, "_parameters").items():
        parameter.requires_grad_(name not in fixed)
    net.train(record.flag("training"))
    net.plan()


def _taker(left: Tensors, prefix: str) -> Callable[[str], torch.Tensor | None]:
    return lambda name: left.pop(f"{prefix}.{name}", None)
