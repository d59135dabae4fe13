"""A call inside torch.compile or torch.export: one operator of torch around compiled kernels.

The operator gets the tensors that a call depends on, so that torch can plan around it: inputs, state and parameters. It finds the
network by a number. The backward pass runs the call again with a gradient. A network whose call draws numbers or changes
buffers is left out of the compiled graph instead.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import nn

from ranvier.connectivity.hooks import any_global_hook, has_hook
from ranvier.errors import ProviderError
from ranvier.network.run.call import call
from ranvier.network.run.modes import inside_an_operator
from ranvier.network.shapes import shapes_known
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.values import Distribution

__all__ = ["Compiled", "compiled"]

Tensor = torch.Tensor
R = TypeVar("R")
#: networks by the number under which an operator finds them; no number is used twice
_NETWORKS: WeakValueDictionary[int, nn.Module] = WeakValueDictionary()
_NUMBERS: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()
_COUNT = itertools.count(1)


class Compiled(NamedTuple):
    """What a call gives: signals by population and variable, and the state after it."""

    recorded: dict[tuple[str, str], Tensor]
    state: State


class _Form(NamedTuple):
    """Shapes of the results of a call, with -1 for steps and -2 for the batch, and their dtypes; paths of the state."""

    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]
    paths: tuple[str, ...]
    dt: float | None
    times: frozenset[str]

    def sizes(self, steps: int, batch: int) -> list[tuple[int, ...]]:
        """The shapes for a number of steps and a batch."""
        return [tuple(steps if n == -1 else batch if n == -2 else n for n in shape) for shape in self.shapes]


#: forms of compiled calls, by number of the network, request and shapes of inputs
_FORMS: dict[tuple[int, str, tuple[tuple[int, ...], ...]], _Form] = {}


def compiled(
    module: nn.Module, x: Any, state: State | None, record: Mapping[str, Sequence[str]], how: Mapping[str, Any]
) -> Any:
    """The call, inside of what is compiled."""
    names = tuple(sorted(x)) if isinstance(x, Mapping) else ()
    inputs: list[Any] = [x[n] for n in names] if names else [x]
    plain = all(value is None or isinstance(value, str | int) for value in how.values())
    number = _number(module, module.training) if plain and isinstance(inputs[0], Tensor) else 0
    if not number:
        return _apart(module, x, state, record, how)  # pyright: ignore[reportCallIssue]
    asked = _asked(names, tuple((n, tuple(v)) for n, v in record.items()), tuple(how.items()), module.device.type)
    form = _form(number, asked, tuple(tuple(t.shape[2:]) for t in inputs))
    if state is not None and not _fits(state, form):
        return _apart(module, x, state, record, how)  # pyright: ignore[reportCallIssue]
    given = [] if state is None else list(state.tensors().values())
    first, stream = (0, 0) if state is None else (state.step, state.stream)
    out = torch.ops.ranvier.call(number, asked, inputs, given, first, stream, list(module.parameters()))
    pairs = [(n, v) for n, variables in record.items() for v in variables]
    after = dict(zip(form.paths, out[len(pairs) :], strict=True))
    made = State.from_tensors(first + len(inputs[0]), stream, after, form.dt, form.times)
    return Compiled(dict(zip(pairs, out, strict=False)), made)


def _fits(state: Any, form: _Form) -> bool:
    """Whether it is a state of this network; the call itself says what is wrong with another."""
    if not isinstance(state, State) or tuple(state.tensors()) != form.paths:
        return False
    return state.dt == form.dt and state.times == form.times


@torch.compiler.disable
def _apart(module: Any, x: Any, state: State | None, record: Any, how: Any) -> Any:
    """The call as it is, between two compiled graphs."""
    return module._run(x, state, record, **how)


@torch.compiler.assume_constant_result
def _number(module: Any, training: bool) -> int:
    """The number of a network whose call can be an operator; 0 for others. ``training`` is what this depends on beside the network."""
    graph = module.graph
    populations, projections = graph.populations.values(), graph.projections.values()
    drawn = any(isinstance(v, Distribution) for p in populations for v in p.cell.initial.values())
    noisy = graph.sources or any(p.cell.system.noises or p.normalises for p in populations)
    mixes = any(p.plasticity or any(t.mixes() for t in p.chain.transforms) for p in projections)
    if drawn or noisy or mixes or graph.processes or _reaches_outside(module):
        return 0
    number = _NUMBERS.setdefault(module, next(_COUNT))
    _NETWORKS[number] = module
    return number


def _reaches_outside(module: nn.Module) -> bool:
    """Whether the call may depend on tensors that are no parameters, and have a gradient: by hooks on parts, or assigned values."""
    hooked = any_global_hook() or any(has_hook(m) for m in module.modules() if m is not module)
    return hooked or any(b.requires_grad for b in module.buffers())


def _network(number: int, parameters: Sequence[Tensor] | None = None) -> Any:
    """The network of a number, whose parameters must be ``parameters``.

    Raises
    ------
    ProviderError
        Where there is none any more, or it has other parameters, or depends on more than these.
    """
    module = _NETWORKS.get(number)
    if module is None:
        raise ProviderError(
            "a compiled or exported call outlived its network: keep the network as long as the compiled or exported module."
        )
    if parameters is not None:
        own = [p.data_ptr() for p in module.parameters()]
        if own != [p.data_ptr() for p in parameters]:
            raise ProviderError(
                "a compiled or exported call got other parameters than those of its network: change them in place, as "
                "net.load_state_dict does, and export again after moving the network."
            )
        if _reaches_outside(module):
            raise ProviderError(
                "a network got a hook, or a value with a gradient, after it was compiled or exported: do this before the first call of "
                "what is compiled, or call torch.compiler.reset() after it."
            )
    return module


@torch.compiler.assume_constant_result
def _asked(
    names: tuple[str, ...],
    record: tuple[tuple[str, tuple[str, ...]], ...],
    how: tuple[tuple[str, Any], ...],
    device: str,
) -> str:
    """The request as text, which an operator can take; torch turns its autocast off before it runs one."""
    half = str(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else ""
    asked = {"names": names, "record": dict(record), "how": dict(how)}
    return json.dumps({**asked, "device": device, "half": half.removeprefix("torch.")})


@torch.compiler.assume_constant_result
def _form(number: int, asked: str, shapes: tuple[tuple[int, ...], ...]) -> _Form:
    """The form of the results for inputs of ``shapes``, with the parts that the network has now."""
    found = _FORMS[number, asked, shapes] = _elsewhere(_form_of, number, asked, shapes)
    return found


def _found(number: int, asked: str, inputs: Sequence[Tensor]) -> _Form:
    """The form with which a call was compiled."""
    shapes = tuple(tuple(int(n) for n in t.shape[2:]) for t in inputs)
    return _FORMS[number, asked, shapes] if (number, asked, shapes) in _FORMS else _form(number, asked, shapes)


def _form_of(number: int, asked: str, shapes: tuple[tuple[int, ...], ...]) -> _Form:
    graph, request = _network(number).graph, json.loads(asked)
    known = shapes_known(graph, dict(zip(request["names"] or list(graph.inputs), shapes, strict=True)))
    state = initial_state(graph, 1, 0, known)
    tensors = state.tensors()
    rows, dtypes = [], []
    for n, variables in request["record"].items():
        own = state.variables.get(n, {})
        rows += [(-1, -2, *known[n])] * len(variables)
        dtypes += [own[v].dtype if v in own else graph.dtype for v in variables]
    for path, t in tensors.items():
        rows.append((len(t), -2, *t.shape[2:]) if path.startswith("history/") else (-2, *t.shape[1:]))
        dtypes.append(t.dtype)
    return _Form(tuple(rows), tuple(dtypes), tuple(tensors), state.dt, state.times)


def _elsewhere(function: Callable[..., R], *given: Any) -> R:
    """Run the function in another thread, outside the modes in which torch traces this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *given).result()


def _called(
    number: int, asked: str, inputs: Sequence[Tensor], given: Sequence[Tensor] | None, first: int, stream: int
) -> tuple[list[Tensor], State]:
    """The call that was asked for: its signals, and the state after it."""
    module, request = _network(number), json.loads(asked)
    x = dict(zip(request["names"], inputs, strict=True)) if request["names"] else inputs[0]
    state = None
    if given:
        form = _found(number, asked, inputs)
        state = State.from_tensors(first, stream, dict(zip(form.paths, given, strict=True)), form.dt, form.times)
    how = request["how"] if state is not None or "stream" in request["how"] else {**request["how"], "stream": 0}
    half = getattr(torch, request["half"]) if request["half"] else None
    with inside_an_operator(), torch.autocast(request["device"], dtype=half, enabled=half is not None):
        run = call(module.graph, x, state, request["record"], **how)  # pyright: ignore[reportArgumentType]
    return [run.recorded[n, v] for n, variables in request["record"].items() for v in variables], run.state


def _alone(values: Sequence[Tensor]) -> list[Tensor]:
    """Tensors that share no memory with what was given."""
    return [v.detach().clone() for v in values]


@torch.library.custom_op("ranvier::call", mutates_args=())
def _call(
    number: int, asked: str, inputs: Sequence[Tensor], given: Sequence[Tensor], first: int, stream: int,
    parameters: Sequence[Tensor],
) -> list[Tensor]:  # fmt: skip
    _network(number, parameters)
    with torch.no_grad():
        values, state = _called(number, asked, inputs, given, first, stream)
    made = [*values, *state.tensors().values()]
    form = _found(number, asked, inputs)
    now = tuple(state.tensors()), tuple(t.dtype for t in made), [tuple(t.shape) for t in made]
    if now != (form.paths, form.dtypes, form.sizes(*inputs[0].shape[:2])):
        raise ProviderError(
            "the network has other parts or delays, or another dtype, than when this call was compiled: call torch.compiler.reset() after "
            "such a change, or export again."
        )
    return _alone(made)


@_call.register_fake
def _(number, asked, inputs, given, first, stream, parameters):
    form = _found(number, asked, inputs)
    sizes = form.sizes(*inputs[0].shape[:2])
    return [inputs[0].new_empty(size, dtype=dtype) for size, dtype in zip(sizes, form.dtypes, strict=True)]


@torch.library.custom_op("ranvier::call_backward", mutates_args=())
def _call_backward(
    number: int, asked: str, inputs: Sequence[Tensor], given: Sequence[Tensor], first: int, stream: int,
    parameters: Sequence[Tensor], grads: Sequence[Tensor | None],
) -> list[Tensor]:  # fmt: skip
    return _elsewhere(_gradients, number, asked, inputs, given, first, stream, grads)


def _gradients(
    number: int, asked: str, inputs: Sequence[Tensor], given: Sequence[Tensor], first: int, stream: int,
    grads: Sequence[Tensor | None],
) -> list[Tensor]:  # fmt: skip
    """Of inputs, state and parameters, by the same call with a gradient; zero where there is none."""
    leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in (*inputs, *given)]
    own = list(_network(number).parameters())
    values, state = _called(number, asked, leaves[: len(inputs)], leaves[len(inputs) :], first, stream)
    pairs = [
        (v, g)
        for v, g in zip((*values, *state.tensors().values()), grads, strict=True)
        if g is not None and v.requires_grad
    ]
    asking = [t for t in (*leaves, *own) if t.requires_grad]
    made: dict[int, Tensor | None] = {}
    if pairs and asking:
        out, seeds = zip(*pairs, strict=True)
        made = {
            id(t): g for t, g in zip(asking, torch.autograd.grad(out, asking, seeds, allow_unused=True), strict=True)
        }
    found = ((t, made.get(id(t))) for t in (*leaves, *own))
    return [torch.zeros_like(t) if g is None else g.detach().clone() for t, g in found]


@_call_backward.register_fake
def _(number, asked, inputs, given, first, stream, parameters, grads):
    return [torch.empty_like(t) for t in (*inputs, *given, *parameters)]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    number, asked, x, given, first, stream, parameters = inputs
    ctx.call, ctx.counts = (number, asked, first, stream), (len(x), len(given))
    ctx.save_for_backward(*x, *given, *parameters)


def _back(ctx: Any, grads: Sequence[Tensor | None]) -> tuple[Any, ...]:
    (number, asked, first, stream), (x, given), saved = ctx.call, ctx.counts, ctx.saved_tensors
    parts = list(saved[:x]), list(saved[x : x + given]), list(saved[x + given :])
    out = torch.ops.ranvier.call_backward(number, asked, *parts[:2], first, stream, parts[2], list(grads))
    made = [g if t.is_floating_point() else None for t, g in zip(saved, out, strict=True)]
    return None, None, made[:x], made[x : x + given], None, None, made[x + given :]


torch.library.register_autograd("ranvier::call", _back, setup_context=_keep)
