"""From a trained network of torch to a spiking one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ranvier._warn import warn
from ranvier.conversion.build import Builder
from ranvier.conversion.calibrate import calibrated
from ranvier.conversion.report import Agreement, Row
from ranvier.conversion.requirements import check_cell, check_collection
from ranvier.conversion.roles import Fires, Role
from ranvier.conversion.thresholds import (
    Activations,
    Choice,
    batches_of,
    check_choice,
    check_steps,
    observed,
    threshold_of,
)  # fmt: skip
from ranvier.conversion.trace import Traced, trace
from ranvier.errors import ConversionError
from ranvier.network import GraphError, Network, fold_norms
from ranvier.neurons import Cell
from ranvier.text_table import text_table
from ranvier.units import ms

__all__ = ["Conversion", "convert", "spiking_layers"]

Tensor = torch.Tensor


def convert(
    model: nn.Module, data: Any, *, threshold: Choice = 99.9, steps: int | None = None, calibrate: bool = False,
    averages: Collection[Any] = (), layers: Mapping[type[nn.Module], Callable[[Any], Role]] | None = None, cell: Cell | None = None,
    start: float = 0.5, dt: Any = 1 * ms, seed: int = 0,
) -> Conversion:  # fmt: skip
    """Make a spiking network from a trained one, layer by layer.

    Every rectifier becomes a population of integrate-and-fire cells, v' = v + x, a spike where v > V_th, then v -= V_th, from
    v = V_th/2. Its rate times V_th is the activation, clipped at V_th and rounded to multiples of V_th/steps. Every
    step receives the same input, and the result is the mean of the output over steps.

    Parameters
    ----------
    model
        A trained module with one input [B, …] and one output. It is not changed.
    data
        Inputs like the training data, not test data: a tensor [B, …], or batches of inputs or of (inputs, targets).
    threshold
        V_th of each layer from its activations on ``data``: ``"max"``, a percentile, or ``"least_error"``, the threshold with the
        least squared error of rounding and clipping in ``steps``. A :class:`QCFS` keeps its learnt threshold.
    calibrate
        Whether to shift the input of every cell by the remaining difference between mean activation and mean rate in ``steps``.
    averages
        Classes of modules, functions, or names of either, without a spiking form (``nn.LayerNorm``, ``nn.GELU``,
        ``nn.MultiheadAttention`` of one input), to evaluate on the running mean of their input.
    layers
        Further rules: a class of modules, and a function of the module that gives its role (:mod:`ranvier.conversion.roles`).
    cell
        Another cell that fires, with one input, a state ``v`` and a parameter ``V_th``, all without a unit, such as ``rv.LIF(tau=5*ms)`` as
        a start for training.
    start
        Cells begin at ``start``*V_th, from 0 to less than 1. With 0, as in SpikingJelly and Sinabs, rates are rounded down.

    Returns a :class:`Conversion`; printing it shows what became of each layer.

    Raises
    ------
    ConversionError
        For layers without a counterpart, functional calls among them: before anything runs, the message names all of them. For data or a
        cell that do not fit.

    Warns
    -----
    RanvierWarning
        For layers that no sample of ``data`` activates.

    Source: Rueckauer et al., Frontiers in Neuroscience 2017 (thresholds from data, subtraction); Li et al., ICML 2021 (calibration).

    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    >>> made = rv.convert(model, torch.rand(100, 8))
    >>> made(torch.rand(5, 8), steps=16).shape
    torch.Size([5, 3])
    """
    check_choice(threshold, steps)
    if calibrate and steps is None:
        raise ConversionError("calibrate=True depends on the number of steps: give steps=.")
    if cell is not None:
        check_cell(cell)
    check_collection("averages", averages, "classes of modules, functions or names", "averages=(torch.nn.LayerNorm,)")
    if layers is not None and not isinstance(layers, Mapping):
        raise ConversionError(
            f"layers={layers!r} must be a mapping: layers={{MyPool: lambda module: rv.conversion.Maps(module, 'through')}}."
        )
    if not isinstance(start, int | float) or not 0 <= start < 1:
        raise ConversionError(f"start={start!r} is a part of the threshold: give a number from 0 to less than 1.")
    traced = trace(model, layers or {}, averages)
    if isinstance(data, Iterator):
        data = list(data)
    found = _thresholds(traced, data, threshold, steps)
    builder = Builder(Network(dt=dt, seed=seed, dtype=traced.dtype), cell or _cell(), found, start)
    builder.build(traced)
    made = Conversion(*_folded(builder.net.eval(), builder.rows), traced)
    if calibrate:
        calibrated(made.net, traced, _populations(traced, made.rows), found, data, cast("int", steps))
    return made


def spiking_layers(made: Conversion) -> dict[str, str]:
    """The population of each layer that fires, by the layer's name in the trace."""
    return _populations(made.traced, made.rows)


def _populations(traced: Traced, rows: Sequence[Row]) -> dict[str, str]:
    """The population of each layer that fires."""
    made = [row.population for row in rows if row.became == "spiking"]
    names = [layer.name for layer in traced.layers if isinstance(layer.role, Fires)]
    return dict(zip(names, cast("list[str]", made), strict=True))


def _folded(net: Network, rows: Sequence[Row]) -> tuple[Network, tuple[Row, ...]]:
    """The network with its norms folded into the weights beside them; unchanged if a norm has no such weights."""
    norms = [row.layer for row in rows if row.kind.startswith("BatchNorm")]
    if not norms:
        return net, tuple(rows)
    try:
        folded = fold_norms(net)
    except GraphError:
        return net, tuple(rows)
    told = {"became": "folded", "note": "into the weights beside it"}
    return folded, tuple(row._replace(**told) if row.layer in norms else row for row in rows)


def _cell() -> Cell:
    """Integrate and fire, without leak."""
    return Cell("v' = v + x : 1\nx : 1 (input)", threshold="v > V_th", reset="v -= V_th", name="if", V_th=1.0)


def _thresholds(traced: Traced, data: Any, choice: Choice, steps: int | None) -> dict[str, float]:
    """The threshold of every layer that fires."""
    fires = [(layer, layer.role) for layer in traced.layers if isinstance(layer.role, Fires)]
    seen = {layer.name: Activations() for layer, _ in fires}
    for values in observed(traced.model, seen, data):
        for name, value in values.items():
            seen[name].add(value)
    made, silent = {}, []
    for layer, role in fires:
        top = role.threshold or min(threshold_of(seen[layer.name], choice, steps), role.limit or float("inf"))
        if not top:
            silent.append(layer.path)
        made[layer.name] = top or 1.0
    if silent:
        warn(
            f"no sample of data activates {', '.join(silent)}: their threshold is 1. Give data like the training data, or look for dead layers."
        )
    return made


@dataclass(frozen=True)
class Conversion:
    """A converted network.

    ``net`` is an ordinary network of the input [T, B, …]: it is simulated, trained and saved like any other. ``rows`` say what
    became of each layer of the original, in their order.
    """

    net: Network
    rows: tuple[Row, ...]
    traced: Traced

    def __str__(self) -> str:
        rows = [
            (r.layer, r.kind, r.became, "" if r.threshold is None else f"{r.threshold:.4g}", r.note) for r in self.rows
        ]
        return text_table([("layer", "kind", "became", "threshold", "note"), *rows])

    @torch.no_grad()
    def __call__(self, x: Tensor, steps: int) -> Tensor:
        """Mean output [B, …] over ``steps`` steps of the input x [B, …]."""
        check_steps(steps)
        return self.net(x.expand(steps, *x.shape))[0].mean(0)

    @torch.no_grad()
    def evaluate(
        self, x: Tensor, y: Tensor | None = None, *, steps: Sequence[int] = (1, 2, 4, 8, 16, 32, 64)
    ) -> list[Agreement]:
        """Agreement with the original network, and accuracy, after each number of ``steps``.

        Give samples that neither training nor ``convert`` has seen. x [B, …], y [B] classes. ``steps=0`` in a row stands for the original.
        """
        check_collection("steps", steps, "numbers of steps", "steps=(4, 16)")
        for count in steps:
            check_steps(count)
        if y is not None and y.shape != (len(x),):
            raise ConversionError(f"y has shape {tuple(y.shape)}; give the class of each of {len(x)} samples.")
        first, agrees, right, known = 0, dict.fromkeys(steps, 0), dict.fromkeys(steps, 0), 0
        for part in batches_of(x):
            target = None if y is None else y[first : first + len(part)]
            first += len(part)
            original = self.traced.model(part).argmax(1)
            known += 0 if target is None else int((original == target).sum())
            out = self.net(part.expand(max(steps), *part.shape))[0].cumsum(0)
            for count in agrees:
                chosen = out[count - 1].argmax(1)
                agrees[count] += int((chosen == original).sum())
                right[count] += 0 if target is None else int((chosen == target).sum())
        rows = [Agreement(n, agrees[n] / first, None if y is None else right[n] / first) for n in agrees]
        return [Agreement(0, 1.0, None if y is None else known / first), *rows]
