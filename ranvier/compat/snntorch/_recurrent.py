"""snnTorch's cells that read their own spikes of the step before."""

from __future__ import annotations

from typing import Any

from torch import nn

from ranvier.compat.arguments import CompatError, refuse, switch, value
from ranvier.compat.snntorch._options import common, learnable
from ranvier.compat.snntorch._reset import membrane
from ranvier.connectivity import Conv2d, Linear
from ranvier.network import Recurrent
from ranvier.neurons import Cell

__all__ = ["RLeaky", "RSynaptic"]

Size = int | tuple[int, ...] | None


def RLeaky(
    beta: Any, V: Any = 1.0, all_to_all: bool = True, linear_features: int | None = None, conv2d_channels: int | None = None,
    kernel_size: int | tuple[int, int] | None = None, threshold: Any = 1.0, spike_grad: Any = None,
    surrogate_disable: bool = False, init_hidden: bool = False, inhibition: bool = False, learn_beta: bool = False,
    learn_threshold: bool = False, learn_recurrent: bool = True, reset_mechanism: str = "subtract", state_quant: bool = False,
    output: bool = False, reset_delay: bool = True, *, size: Size = None,
) -> Cell | Recurrent:  # fmt: skip
    """The twin of ``snntorch.RLeaky``: :func:`Leaky` with its spikes of the step before as a further input.

    Its reset to zero clears the whole membrane: v' = (1 - s)*(beta*v + x). The spikes come through ``rv.Linear(linear_features,
    linear_features)``, or ``rv.Conv2d`` with ``conv2d_channels`` and ``kernel_size``, or cell by cell with weight ``V``
    (``all_to_all=False``).

    Raises
    ------
    CompatError
        Where the recurrent weights cannot be told, and for settings without a counterpart.

    >>> net = rv.Sequential(rv.Linear(20, 10), rv.compat.snntorch.RLeaky(0.9, linear_features=10), dt=1*ms)
    """
    words = common(
        "RLeaky", threshold, spike_grad, learn_threshold, surrogate_disable=surrogate_disable, init_hidden=init_hidden,
        inhibition=inhibition, state_quant=state_quant, output=output,
    )  # fmt: skip
    v = ("decay*v + x", reset_mechanism, reset_delay)
    decays = {"decay": ("beta", learnable("RLeaky", "beta", beta, learn_beta))}
    shape = (all_to_all, linear_features, conv2d_channels, kernel_size)
    return _recurrent("RLeaky", v, "", decays, words, shape, V, learn_recurrent, size)


def RSynaptic(
    alpha: Any, beta: Any, V: Any = 1.0, all_to_all: bool = True, linear_features: int | None = None,
    conv2d_channels: int | None = None, kernel_size: int | tuple[int, int] | None = None, threshold: Any = 1.0,
    spike_grad: Any = None, surrogate_disable: bool = False, init_hidden: bool = False, inhibition: bool = False,
    learn_alpha: bool = False, learn_beta: bool = False, learn_threshold: bool = False, learn_recurrent: bool = True,
    reset_mechanism: str = "subtract", state_quant: bool = False, output: bool = False, reset_delay: bool = True, *,
    size: Size = None,
) -> Cell | Recurrent:  # fmt: skip
    """The twin of ``snntorch.RSynaptic``: :func:`Synaptic` with its spikes of the step before as a further input.

    The spikes come as in :func:`RLeaky`. ``reset_delay=False`` raises an error, as it fails in snnTorch 1.0.

    Raises
    ------
    CompatError
        Where the recurrent weights cannot be told, and for settings without a counterpart.

    >>> net = rv.Sequential(rv.Linear(20, 10), rv.compat.snntorch.RSynaptic(0.8, 0.9, linear_features=10), dt=1*ms)
    """
    words = common(
        "RSynaptic", threshold, spike_grad, learn_threshold, surrogate_disable=surrogate_disable, init_hidden=init_hidden,
        inhibition=inhibition, state_quant=state_quant, output=output,
    )  # fmt: skip
    refuse("RSynaptic", {"reset_delay": (reset_delay, True, "snnTorch's own raises a NameError; leave it out")})
    v = ("decay_v*v + decay_i*i + x", reset_mechanism, True)
    decays = {
        "decay_i": ("alpha", learnable("RSynaptic", "alpha", alpha, learn_alpha)),
        "decay_v": ("beta", learnable("RSynaptic", "beta", beta, learn_beta)),
    }
    shape = (all_to_all, linear_features, conv2d_channels, kernel_size)
    return _recurrent("RSynaptic", v, "i' = decay_i*i + x : 1", decays, words, shape, V, learn_recurrent, size)


def _recurrent(
    cell: str, v: tuple[str, Any, Any], current: str, decays: dict[str, tuple[str, Any]], words: dict[str, Any],
    shape: tuple[Any, Any, Any, Any], V: Any, learn: Any, size: Size,
) -> Cell | Recurrent:  # fmt: skip
    """The cell with its transform, or with its own spike in its equations."""
    all_to_all, features, channels, kernel = shape
    learnt = switch(cell, "learn_recurrent", learn)
    clipped = "\n".join(f"{n} = clip({of}, 0, 1) : 1" for n, (of, _) in decays.items())
    values = dict(decays.values())
    if not switch(cell, "all_to_all", all_to_all):
        if any(x is not None for x in (features, channels, kernel)):
            raise CompatError(
                f"{cell}: all_to_all=False joins each cell to itself with V: leave out the sizes of weights."
            )
        charge, how, late = v
        m = membrane(cell, f"{charge} + V*fired", how, late)
        return Cell(
            f"{current.replace('+ x', '+ x + V*fired')}\n{m.equations}\nfired' = 0 : 1\n{clipped}\nx : 1 (input)",
            threshold=m.threshold, reset=f"{m.reset}; fired += 1".removeprefix("; "), name=cell.lower(), size=size,
            V=value(V, learnt), **values, **words,
        )  # fmt: skip
    m = membrane(cell, *v)
    transform, cells = _transform(cell, features, channels, kernel)
    transform.requires_grad_(learnt)
    made = Cell(
        f"{current}\n{m.equations}\n{clipped}\nx : 1 (input)", threshold=m.threshold, reset=m.reset, name=cell.lower(),
        size=cells if size is None else size, **values, **words,
    )  # fmt: skip
    return Recurrent(made, transform)


def _transform(cell: str, features: Any, channels: Any, kernel: Any) -> tuple[nn.Module, int | None]:
    """The recurrent weights, and the number of cells where they tell it."""
    if features is not None and channels is None and kernel is None:
        return Linear(features, features), features
    if features is None and channels is not None and kernel is not None:
        half = kernel // 2 if isinstance(kernel, int) else tuple(k // 2 for k in kernel)
        return Conv2d(channels, channels, kernel, padding=half), None
    raise CompatError(f"{cell}: give linear_features, or conv2d_channels and kernel_size, or all_to_all=False with V.")
