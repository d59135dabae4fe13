"""What operators of torch around a call of a network have in common: how they find it, and the form of their results."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import nn

from ranvier.connectivity.hooks import any_global_hook, has_hook
from ranvier.errors import ProviderError
from ranvier.network.run.call import call
from ranvier.network.run.execute import Execution
from ranvier.network.run.modes import inside_an_operator
from ranvier.network.shapes import shapes_known
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State

__all__ = [
    "Form",
    "alone",
    "asked_for",
    "called",
    "elsewhere",
    "form_of",
    "gradients",
    "hooked_inside",
    "known",
    "left_out",
    "numbered",
    "reaches_outside",
]

Tensor = torch.Tensor
R = TypeVar("R")
#: networks by the number under which an operator finds them; no number is used twice
_NETWORKS: WeakValueDictionary[int, nn.Module] = WeakValueDictionary()
_NUMBERS: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()
_COUNT = itertools.count(1)


class Form(NamedTuple):
    """Shapes of the results of a call, with -1 for steps and -2 for the batch, and their dtypes; paths of the state."""

    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]
    paths: tuple[str, ...]
    dt: float | None
    times: frozenset[str]

    def sizes(self, steps: int, batch: int) -> list[tuple[int, ...]]:
        """The shapes for a number of steps and a batch."""
        return [tuple(steps if n == -1 else batch if n == -2 else n for n in shape) for shape in self.shapes]

    def results(self, out: Sequence[Tensor], record: Mapping[str, Sequence[str]], step: int, stream: int) -> Execution:
        """The tensors of a call as what was recorded and the state in ``step``."""
        pairs = [(n, v) for n, variables in record.items() for v in variables]
        after = dict(zip(self.paths, out[len(pairs) :], strict=True))
        made = State.from_tensors(step, stream, after, self.dt, self.times)
        return Execution(dict(zip(pairs, out, strict=False)), made)


def numbered(module: nn.Module) -> int:
    """The number under which operators find a network."""
    number = _NUMBERS.setdefault(module, next(_COUNT))
    _NETWORKS[number] = module
    return number


def known(key: int) -> Any:
    """The network of a number.

    Raises
    ------
    ProviderError
        Where there is none any more.
    """
    module = _NETWORKS.get(key)
    if module is None:
        raise ProviderError(
            "a compiled or exported call outlived its network: keep the network as long as the compiled or exported module."
        )
    return module


def asked_for(names: Sequence[str], record: Mapping[str, Sequence[str]], how: Mapping[str, Any], device: str) -> str:
    """The request as text, which an operator can take, with the caller's autocast, which torch turns off before it runs one."""
    half = str(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else ""
    kept = {n: list(variables) for n, variables in record.items()}
    precision = {"device": device, "half": half.removeprefix("torch.")}
    return json.dumps({"names": names, "record": kept, "how": dict(how), **precision})


def left_out(module: Any) -> str:
    """The reason why a network cannot be called as an operator, as the end of a sentence; empty where it can."""
    graph = module.graph
    populations, projections = graph.populations.values(), graph.projections.values()
    if any(p.drawn_starts for p in populations) or graph.sources or any(p.cell.system.noises for p in populations):
        return "draws numbers in a call (sources, noise or drawn initial values)"
    if any(p.normalises for p in populations) or any(t.mixes() for p in projections for t in p.chain.transforms):
        return "has norms or dropout in training (call net.eval() first)"
    if any(p.plasticity for p in projections):
        return "has plastic synapses"
    return "runs in several processes" if graph.processes else ""


def hooked_inside(module: nn.Module) -> bool:
    """Whether torch calls hooks of a user inside a call."""
    return any_global_hook() or any(has_hook(m) for m in module.modules() if m is not module)


def reaches_outside(module: nn.Module) -> bool:
    """Whether the call may depend on tensors that are no parameters, and have a gradient: by hooks on parts, or assigned values."""
    return hooked_inside(module) or any(b.requires_grad for b in module.buffers())


def form_of(key: int, asked: str, shapes: tuple[tuple[int, ...], ...]) -> Form:
    """The form of the results for inputs of ``shapes``, with the parts that the network has now."""
    graph, request = known(key).graph, json.loads(asked)
    reached = shapes_known(graph, dict(zip(request["names"] or list(graph.inputs), shapes, strict=True)))
    state = initial_state(graph, 1, 0, reached)
    tensors = state.tensors()
    rows, dtypes = [], []
    for n, variables in request["record"].items():
        own = state.variables.get(n, {})
        rows += [(-1, -2, *reached[n])] * len(variables)
        dtypes += [own[v].dtype if v in own else graph.dtype for v in variables]
    for path, t in tensors.items():
        rows.append((len(t), -2, *t.shape[2:]) if path.startswith("history/") else (-2, *t.shape[1:]))
        dtypes.append(t.dtype)
    return Form(tuple(rows), tuple(dtypes), tuple(tensors), state.dt, state.times)


def elsewhere(function: Callable[..., R], *given: Any) -> R:
    """Run the function in another thread, outside the modes in which torch traces this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *given).result()


@contextmanager
def _repeatable(module: nn.Module) -> Iterator[None]:
    """Around a call whose backward pass runs it again: both must be one call.

    Raises
    ------
    ProviderError
        Where a module of the user drew numbers of torch or changed a buffer.
    """
    drawn, buffers = torch.get_rng_state(), _versions(module)
    yield
    changed = buffers != _versions(module)
    if changed or not torch.equal(drawn, torch.get_rng_state()):
        what = "changes buffers" if changed else "draws numbers"
        raise ProviderError(
            f"a module of the network {what} in a call, so the backward pass cannot repeat that call: call net.eval() "
            f"first, or keep the call outside of torch.func and torch.compile."
        )


def _versions(module: nn.Module) -> list[tuple[int, int]]:
    """Of all buffers, which they are and how often they changed in place."""
    return [(id(b), -1 if b.is_inference() else b._version) for b in module.buffers()]


def called(
    key: int,
    asked: str,
    form: Form | None,
    inputs: Sequence[Tensor],
    given: Sequence[Tensor] | None,
    first: int,
    stream: int,
) -> tuple[list[Tensor], State]:
    """The call that was asked for: its signals, and the state after it.

    Raises
    ------
    ProviderError
        Where a module of the user draws numbers or changes buffers.
    """
    module, request = known(key), json.loads(asked)
    x = dict(zip(request["names"], inputs, strict=True)) if request["names"] else inputs[0]
    state = None
    if given and form is not None:
        state = State.from_tensors(first, stream, dict(zip(form.paths, given, strict=True)), form.dt, form.times)
    how = request["how"] if state is not None or "stream" in request["how"] else {**request["how"], "stream": 0}
    half = getattr(torch, request["half"]) if request["half"] else None
    rounded = torch.autocast(request["device"], dtype=half, enabled=half is not None)
    with inside_an_operator(), _repeatable(module), rounded:
        run = call(module.graph, x, state, request["record"], **how)  # pyright: ignore[reportArgumentType]
    return [run.recorded[n, v] for n, variables in request["record"].items() for v in variables], run.state


def alone(values: Sequence[Tensor]) -> list[Tensor]:
    """Tensors that share no memory with what was given."""
    return [v.detach().clone() for v in values]


def gradients(
    run: Callable[[], list[Tensor]], leaves: Sequence[Tensor], own: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> list[Tensor]:
    """Of ``leaves`` and of tensors that the network holds, by ``run``, the same call with a gradient; zero where there is none."""
    pairs = [(v, g) for v, g in zip(run(), grads, strict=True) if g is not None and v.requires_grad]
    asking = [t for t in (*leaves, *own) if t.requires_grad]
    made: dict[int, Tensor | None] = {}
    if pairs and asking:
        out, seeds = zip(*pairs, strict=True)
        made = {
            id(t): g for t, g in zip(asking, torch.autograd.grad(out, asking, seeds, allow_unused=True), strict=True)
        }
    found = ((t, made.get(id(t))) for t in (*leaves, *own))
    return [torch.zeros_like(t) if g is None else g.detach().clone() for t, g in found]
