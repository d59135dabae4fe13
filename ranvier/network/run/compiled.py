"""A call inside torch.compile or torch.export: one operator of torch around compiled kernels.

The operator gets the tensors that a call depends on, so that torch can plan around it: inputs, state and parameters. It finds the
network by a number. The backward pass runs the call again with a gradient. A network whose call draws numbers or changes
buffers is left out of the compiled graph instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ranvier.errors import ProviderError
from ranvier.network.run.as_operator import (
    Form,
    alone,
    asked_for,
    called,
    elsewhere,
    form_of,
    gradients,
    known,
    left_out,
    numbered,
    reaches_outside,
)
from ranvier.network.state.state import State

__all__ = ["compiled"]

Tensor = torch.Tensor
#: forms of compiled calls, by number of the network, request and shapes of inputs
_FORMS: dict[tuple[int, str, tuple[tuple[int, ...], ...]], Form] = {}


def compiled(
    module: Any, x: Any, state: State | None, record: Mapping[str, Sequence[str]], how: Mapping[str, Any]
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
    return form.results(out, record, first + len(inputs[0]), stream)


def _fits(state: Any, form: Form) -> bool:
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
    return 0 if left_out(module) or reaches_outside(module) else numbered(module)


def _network(number: int, parameters: Sequence[Tensor] | None = None) -> Any:
    """The network of a number, whose parameters must be ``parameters``.

    Raises
    ------
    ProviderError
        Where there is none any more, or it has other parameters, or depends on more than these.
    """
    module = known(number)
    if parameters is not None:
        own = [p.data_ptr() for p in module.parameters()]
        if own != [p.data_ptr() for p in parameters]:
            raise ProviderError(
                "a compiled or exported call got other parameters than those of its network: change them in place, as "
                "net.load_state_dict does, and export again after moving the network."
            )
        if reaches_outside(module):
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
    """The request as text, which an operator can take."""
    return asked_for(names, dict(record), dict(how), device)


@torch.compiler.assume_constant_result
def _form(number: int, asked: str, shapes: tuple[tuple[int, ...], ...]) -> Form:
    """The form of the results for inputs of ``shapes``, with the parts that the network has now."""
    found = _FORMS[number, asked, shapes] = elsewhere(form_of, number, asked, shapes)
    return found


def _found(number: int, asked: str, inputs: Sequence[Tensor]) -> Form:
    """The form with which a call was compiled."""
    shapes = tuple(tuple(int(n) for n in t.shape[2:]) for t in inputs)
    return _FORMS[number, asked, shapes] if (number, asked, shapes) in _FORMS else _form(number, asked, shapes)


@torch.library.custom_op("ranvier::call", mutates_args=())
def _call(
    number: int, asked: str, inputs: Sequence[Tensor], given: Sequence[Tensor], first: int, stream: int,
    parameters: Sequence[Tensor],
) -> list[Tensor]:  # fmt: skip
    _network(number, parameters)
    form = _found(number, asked, inputs)
    with torch.no_grad():
        values, state = called(number, asked, form, inputs, given, first, stream)
    made = [*values, *state.tensors().values()]
    now = tuple(state.tensors()), tuple(t.dtype for t in made), [tuple(t.shape) for t in made]
    if now != (form.paths, form.dtypes, form.sizes(*inputs[0].shape[:2])):
        raise ProviderError(
            "the network has other parts or delays, or another dtype, than when this call was compiled: call torch.compiler.reset() after "
            "such a change, or export again."
        )
    return alone(made)


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
    return elsewhere(_gradients, number, asked, inputs, given, first, stream, grads)


def _gradients(
    number: int, asked: str, inputs: Sequence[Tensor], given: Sequence[Tensor], first: int, stream: int,
    grads: Sequence[Tensor | None],
) -> list[Tensor]:  # fmt: skip
    """Of inputs, state and parameters, by the same call with a gradient; zero where there is none."""
    leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in (*inputs, *given)]

    def run() -> list[Tensor]:
        form = _found(number, asked, inputs)
        values, state = called(number, asked, form, leaves[: len(inputs)], leaves[len(inputs) :], first, stream)
        return [*values, *state.tensors().values()]

    return gradients(run, leaves, list(known(number).parameters()), grads)


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
