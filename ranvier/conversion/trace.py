"""The layers and functional calls of a trained network in running order, each with its role."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from ranvier.connectivity.copied import copied
from ranvier.conversion.averages import on_one_input
from ranvier.conversion.roles import Averages, Passes, Refused, Role
from ranvier.conversion.rules import FUNCTIONS, METHODS, MODULES, Called
from ranvier.errors import ConversionError

__all__ = ["Layer", "Traced", "trace"]

#: a class of modules, a function, or the name of a method or of a module in the model
Which = type[nn.Module] | Callable[..., Any] | str


@dataclass(frozen=True)
class Layer:
    """One call in the network: its name in the trace, what it is, where its input comes from, and its role.

    ``path`` is where a module is in the network; the name of a call of a function.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    role: Role
    path: str


@dataclass(frozen=True)
class Traced:
    """A copy of the network in evaluation, its layers from the input named ``start`` to that named ``end``."""

    model: fx.GraphModule
    layers: tuple[Layer, ...]
    start: str
    end: str

    @property
    def dtype(self) -> torch.dtype:
        """That of its numbers."""
        return next((p.dtype for p in self.model.parameters()), torch.float32)


class _Tracer(fx.Tracer):
    """Goes into modules until one has a role."""

    def __init__(self, roles: Mapping[type[nn.Module], Any], averages: Collection[Which]) -> None:
        super().__init__()
        self.roles, self.averages = roles, averages

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether the module has a role of its own."""
        known = _is_one_of(m, self.roles) or _is_averaged(m, module_qualified_name, self.averages)
        return known or super().is_leaf_module(m, module_qualified_name)


def _is_one_of(module: nn.Module, kinds: Collection[Any]) -> bool:
    """Whether ``kinds`` hold the class of a module, or one that it derives from."""
    return any(kind in kinds for kind in type(module).__mro__)


def _is_averaged(module: nn.Module, path: str, averages: Collection[Which]) -> bool:
    """Whether ``averages`` hold the class or the path of a module."""
    return path in averages or _is_one_of(module, averages)


def trace(
    model: nn.Module, layers: Mapping[type[nn.Module], Callable[[Any], Role]], averages: Collection[Which]
) -> Traced:
    """Every layer of ``model`` with its role; ``layers`` come before the table of rules.

    Raises
    ------
    ConversionError
        Where the network cannot be traced, or layers have no counterpart: all of them are named.
    """
    if not isinstance(model, nn.Module):
        raise ConversionError(f"convert takes a torch.nn.Module, got {type(model).__name__}.")
    roles = {**MODULES, **layers}
    if (_is_one_of(model, roles) or _is_one_of(model, averages)) and not isinstance(model, nn.Sequential):
        model = nn.Sequential(model)
    own = copied(model).eval()
    kinds = {p.dtype for p in model.parameters()}
    if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
        raise ConversionError(
            f"{type(model).__name__} holds {', '.join(sorted(map(str, kinds)))}: convert a network of float32 or float64, model.float()."
        )
    tracer = _Tracer(roles, averages)
    try:
        graph = tracer.trace(own)
    except Exception as error:
        raise ConversionError(
            f"{type(model).__name__} cannot be traced: {error}. Its forward must not depend on values or shapes: write it without "
            "such branches and with x.size(0) for len(x), or put that part into a module and name its class in averages=."
        ) from error
    traced = fx.GraphModule(own, graph)
    graph.eliminate_dead_code()
    traced.recompile()
    starts = [n for n in graph.nodes if n.op == "placeholder"]
    used = [n for n in starts if n.users]
    if len(used) != 1:
        raise ConversionError(
            f"{type(model).__name__} has {len(used)} inputs ({', '.join(n.name for n in starts)}); only networks with one are converted."
        )
    (output,) = (n for n in graph.nodes if n.op == "output")
    if not isinstance(output.args[0], fx.Node):
        raise ConversionError(
            f"{type(model).__name__} returns several values; convert a network that returns one tensor."
        )
    calls = [n for n in graph.nodes if n.op not in ("placeholder", "output")]
    found = [Layer(n.name, *_told(n, traced, roles, averages)) for n in calls]
    refused = [f"  {at.path} ({at.kind}): {at.role.remedy}" for at in found if isinstance(at.role, Refused)]
    if refused:
        count = f"{len(refused)} layer{'s' * (len(refused) > 1)}"
        raise ConversionError("\n".join([f"{count} cannot be converted:", *refused]))
    return Traced(traced, tuple(found), used[0].name, output.args[0].name)


def _told(node: fx.Node, model: fx.GraphModule, roles: Mapping[Any, Any], averages: Collection[Which]) -> tuple:
    """What a node is, where its input comes from, its role, and its path."""
    inputs, target = tuple(n.name for n in node.all_input_nodes), node.target
    if node.op == "call_module":
        module = model.get_submodule(str(target))
        return type(module).__name__, inputs, _of_module(node, module, roles, averages), str(target)
    if node.op == "get_attr":
        return "attribute", inputs, Refused("the network uses it outside a module: put it into a layer"), str(target)
    name = getattr(target, "__name__", str(target))
    return name, inputs, _of_function(node, name, model, averages), node.name


def _of_function(node: fx.Node, name: str, model: fx.GraphModule, averages: Collection[Which]) -> Role:
    """The role of a function or method."""
    if node.target is operator.getitem:
        if _of_averaged(node, model, averages):
            return Passes(note="the first result")
        if _is_shape(node.args[0]):
            return Passes(value=False)
    if node.target in averages or name in averages:
        return _on_means(node, _function(node))
    rule = (METHODS if node.op == "call_method" else FUNCTIONS).get(node.target)  # pyright: ignore[reportCallIssue, reportArgumentType]
    if rule is None:
        return Refused(f"no rule for {name}: put it into a module, and name its class in averages=")
    return rule(Called(node.args, node.kwargs))


def _is_shape(source: Any) -> bool:
    """Whether a value of the trace is a shape, not a signal."""
    if not isinstance(source, fx.Node):
        return False
    return (source.op, source.target) in (("call_method", "size"), ("call_function", getattr))


def _of_module(node: fx.Node, module: nn.Module, roles: Mapping[Any, Any], averages: Collection[Which]) -> Role:
    if _is_averaged(module, str(node.target), averages):
        return _on_means(node, module)
    for kind in type(module).__mro__:
        if kind in roles:
            return roles[kind](module)
    return Refused(f"no rule for {type(module).__name__}: give one in layers=, or name its class in averages=")


def _of_averaged(node: fx.Node, model: fx.GraphModule, averages: Collection[Which]) -> bool:
    """Whether a node takes the first result of a module that is averaged, such as attention, which also returns weights."""
    source, index = node.args
    if not isinstance(source, fx.Node) or source.op != "call_module" or index != 0:
        return False
    path = str(source.target)
    return _is_averaged(model.get_submodule(path), path, averages)


def _on_means(node: fx.Node, function: Callable[..., Any]) -> Role:
    if len(node.all_input_nodes) != 1:
        return Refused(
            "it reads several signals: put it and what feeds it into one module, and name its class in averages="
        )
    return Averages(on_one_input(function, node.args, dict(node.kwargs), fx.Node))


def _function(node: fx.Node) -> Callable[..., Any]:
    if node.op == "call_method":
        return lambda x, *args, **named: getattr(x, str(node.target))(*args, **named)
    return node.target  # pyright: ignore[reportReturnType]
