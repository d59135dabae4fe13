"""A call under torch.func (grad, vjp, jacrev, vmap): one function of torch with a gradient and a rule for vmap.

The function gets every tensor that the call depends on: inputs, state, and the parameters and buffers that the network has at the
moment, which ``torch.func.functional_call`` may have replaced. It puts them into the network and runs the call as it is. The
backward pass runs the call again with a gradient. vmap over inputs and states runs one call of a larger batch; vmap over
parameters, and over the backward pass, runs a call for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]

from ranvier.errors import ProviderError
from ranvier.network.run.as_operator import (
    Form,
    alone,
    asked_for,
    called,
    elsewhere,
    form_of,
    gradients,
    hooked_inside,
    known,
    left_out,
    numbered,
)
from ranvier.network.state.state import State

__all__ = ["functional"]

Tensor = torch.Tensor
_INSTEAD = "give all samples at once, [T, B, …], and take gradients with torch.autograd.grad"
_SECOND = (
    "torch.func has no second derivative of a network: take it with torch.autograd.grad(…, create_graph=True) and "
    "provider='reference'."
)
_FORWARD = (
    "torch.func.jvp, jacfwd and hessian need forward-mode derivatives, which a network does not have: use torch.func.jacrev or vjp, and for "
    "second derivatives torch.autograd.grad(…, create_graph=True) with provider='reference'."
)


def functional(
    module: Any, x: Any, state: State | None, record: Mapping[str, Sequence[str]], how: Mapping[str, Any]
) -> Any:
    """The call of a network under a function transform of torch.

    Raises
    ------
    ProviderError
        Where no operator can stand for the call, with what to write instead.
    """
    _check(module, how)
    names = tuple(sorted(x)) if isinstance(x, Mapping) else ()
    inputs: list[Tensor] = [torch.as_tensor(t) for t in ([x[n] for n in names] if names else [x])]
    number, held = numbered(module), _held(module)
    asked, shapes = asked_for(names, record, how, module.device.type), tuple(tuple(t.shape[2:]) for t in inputs)
    with _put(module, held, elsewhere(_stand_ins, [_bare(t) for t in held])):
        form: Form = elsewhere(form_of, number, asked, shapes)
    given = [] if state is None else list(state.tensors().values())
    first, stream = (0, 0) if state is None else (state.step, state.stream)
    asking = _Call(number, asked, form, first, stream, (len(inputs), len(given)))
    out = _Functional.apply(asking, *inputs, *given, *held)
    return form.results(out, record, first + len(inputs[0]), stream)


def _check(module: nn.Module, how: Mapping[str, Any]) -> None:
    """Refuse a call that cannot be an operator."""
    if any(level.key() == _functorch.TransformType.Jvp for level in _functorch.get_interpreter_stack() or ()):
        raise ProviderError(_FORWARD)
    reason = left_out(module)
    if not reason and hooked_inside(module):
        reason = "has hooks on its parts"
    if reason:
        raise ProviderError(f"torch.func cannot follow a network that {reason}: {_INSTEAD}.")
    odd = [n for n, value in how.items() if not (value is None or isinstance(value, str | int))]
    if odd:
        raise ProviderError(f"torch.func cannot follow a call with {odd[0]}=…: leave it out, or {_INSTEAD}.")


def _tables(module: nn.Module) -> Iterator[tuple[Any, str, Tensor]]:
    """Every table of parameters or buffers, and each tensor in it by name."""
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            yield from ((table, n, t) for n, t in table.items() if t is not None)


def _held(module: nn.Module) -> list[Tensor]:
    """The tensors that a network holds, each once."""
    return list({id(t): t for _, _, t in _tables(module)}.values())


@contextmanager
def _put(module: nn.Module, before: Sequence[Tensor], after: Sequence[Tensor]) -> Iterator[None]:
    """``after`` in the places of ``before``, the tensors that the network holds."""
    new = {id(t): made for t, made in zip(before, after, strict=True)}
    places = [(table, n, t) for table, n, t in _tables(module)]
    try:
        for table, n, t in places:
            table[n] = new[id(t)]
        yield
    finally:
        for table, n, t in places:
            table[n] = t


def _bare(t: Tensor) -> tuple[Tensor, list[int]]:
    """The tensor behind the wrappers of transforms, and its axes that vmap hides, the outermost transform's last."""
    axes: list[int] = []
    while _functorch.is_functorch_wrapped_tensor(t):
        axis = _functorch.maybe_get_bdim(t)
        axes[:0] = [axis] if axis >= 0 else []
        t = _functorch.get_unwrapped(t)
    return t, axes


def _stand_ins(bare: Sequence[tuple[Tensor, Sequence[int]]]) -> list[Tensor]:
    """The first of the tensors that vmap stacks, to read shapes."""
    made = []
    for t, axes in bare:
        one = t.detach()
        for axis in axes:
            one = one.select(axis, 0)
        made.append(one)
    return made


@dataclass(frozen=True)
class _Call:
    """What a call depends on beside tensors, of which it has ``counts``: inputs, and values of the state."""

    number: int
    asked: str
    form: Form
    first: int
    stream: int
    counts: tuple[int, int]

    def parts(self, of: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Those of inputs, of the state and of what the network holds."""
        x, given = self.counts
        return list(of[:x]), list(of[x : x + given]), list(of[x + given :])


def _run(call: _Call, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The signals of a call, and the state after it."""
    module, (inputs, given, held) = known(call.number), call.parts(tensors)
    with _put(module, _held(module), held):
        values, state = called(call.number, call.asked, call.form, inputs, given, call.first, call.stream)
    return [*values, *state.tensors().values()]


def _gradients(call: _Call, tensors: Sequence[Tensor], learnt: Sequence[bool], grads: Sequence[Tensor]) -> list[Tensor]:
    """Of all tensors of a call, by the same call with a gradient; zero where there is none."""
    inputs, given, held = call.parts(tensors)
    leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in (*inputs, *given)]
    own = [nn.Parameter(t.detach(), requires_grad=asks) for t, asks in zip(held, learnt, strict=True)]
    return gradients(lambda: _run(call, [*leaves, *own]), leaves, own, grads)


class _Functional(torch.autograd.Function):
    """A call: tensors in, signals and the state after out."""

    @staticmethod
    def forward(call: _Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return tuple(alone(_run(call, [t.detach() for t in tensors])))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.call, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.learnt = [t.requires_grad for t in ctx.call.parts(tensors)[2]]
        ctx.mark_non_differentiable(*(t for t in output if not t.is_floating_point()))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors
        made = _Backward.apply(ctx.call, ctx.learnt, len(tensors), *tensors, *grads)
        return None, *(g if t.is_floating_point() else None for t, g in zip(tensors, made, strict=True))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], call: _Call, *tensors: Tensor) -> tuple[Any, Any]:
        """One call whose batch is that of all calls; one call for each where what the network holds differs."""
        inputs, given, held = call.parts(tensors)
        x_dims, given_dims, held_dims = call.parts(in_dims[1:])
        if any(d is not None for d in held_dims):
            return _each(_Functional, info, in_dims, (call, *tensors))
        count, late = info.batch_size, [int(path.startswith("history/")) for path in call.form.paths]
        x = [_joined(t, d, 1, count) for t, d in zip(inputs, x_dims, strict=True)]
        states = [_joined(t, d, axis, count) for t, d, axis in zip(given, given_dims, late[: len(given)], strict=True)]
        out = _Functional.apply(call, *x, *states, *held)
        axes = [1] * (len(out) - len(late)) + late
        return tuple(t.unflatten(a, (count, -1)) for t, a in zip(out, axes, strict=True)), tuple(axes)


class _Backward(torch.autograd.Function):
    """The gradients of a call."""

    @staticmethod
    def forward(call: _Call, learnt: list[bool], count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(elsewhere(_gradients, call, tensors[:count], learnt, tensors[count:]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        raise ProviderError(_SECOND)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        """The backward pass of each call."""
        return _each(_Backward, info, in_dims, args)


def _each(
    function: type[torch.autograd.Function], info: Any, dims: Sequence[Any], args: Sequence[Any]
) -> tuple[Any, Any]:
    """Run a call for each, and stack the results."""
    rows = [
        function.apply(*(a.select(d, k) if isinstance(d, int) else a for a, d in zip(args, dims, strict=True)))
        for k in range(info.batch_size)
    ]
    made = tuple(torch.stack(column) for column in zip(*rows, strict=True))
    return made, (0,) * len(made)


def _joined(t: Tensor, dim: int | None, axis: int, count: int) -> Tensor:
    """``count`` tensors as one, along the axis of samples."""
    every = t.unsqueeze(axis).expand(*t.shape[:axis], count, *t.shape[axis:]) if dim is None else t.movedim(dim, axis)
    return every.flatten(axis, axis + 1)
