"""The firing rate below which a spiking layer costs less than its quantised twin, over the number of steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ranvier.errors import ShapeError
from ranvier.measure._energy import DEFAULT_MODELS, bits_of, energy, once
from ranvier.measure._energy_model import EnergyModel
from ranvier.measure._report import Operations, Row
from ranvier.text_table import text_table
from ranvier.values import is_number, is_whole

__all__ = ["BreakEven", "break_even"]

_RATE = 0.01  # any: every model is linear in the rate


@dataclass(frozen=True)
class BreakEven:
    """Break-even rates [spikes per cell and step] by model, one for each number of ``steps``; None where a model has no twin.

    A rate of 0 says that the spiking layer costs more even in silence. ``print`` shows a table with the assumptions.
    """

    steps: tuple[int, ...]
    rates: dict[str, tuple[float | None, ...]]
    assumptions: tuple[str, ...]

    def __str__(self) -> str:
        heads = ("T", "bits", *self.rates)
        lines = [
            (str(t), str(bits_of(t)), *(_text(rates[k]) for rates in self.rates.values()))
            for k, t in enumerate(self.steps)
        ]
        table = text_table([heads, *lines], right=range(len(heads)))
        return "\n".join([table, *(f"assumed: {a}" for a in self.assumptions)])


def break_even(
    inputs: int, outputs: int, *, steps: Iterable[int] = range(1, 33), models: Sequence[str | EnergyModel] = DEFAULT_MODELS,
    sparsity: float = 0.0, states: int = 1,
) -> BreakEven:  # fmt: skip
    """The rate at which a dense layer of cells costs what its twin of ⌈log2(T + 1)⌉ bits costs, for each T of ``steps``.

    Inputs and cells fire at one rate r, so T r inputs outputs additions and T outputs updates of each state stand against
    (1 - sparsity) inputs outputs products of the twin.

    Parameters
    ----------
    inputs, outputs
        Cells before and in the layer.
    steps
        Numbers of steps.
    models
        As for :func:`energy`.
    sparsity
        The share of the twin's activations that are 0 and skipped.
    states
        States of a cell, 4 bytes each.

    Raises
    ------
    ShapeError
        For sizes, steps or states below 1, a sparsity outside [0, 1), and what :func:`energy` refuses.

    Source: Yan et al., arXiv 2409.08290 v4, 2026 (twin and question; they find 5.7 % at T = 5 on their hardware).

    >>> found = rv.measure.break_even(512, 512, steps=[1, 5], models=["fp32"])
    >>> [round(rate, 3) for rate in found.rates["fp32"]]
    [1.0, 0.6]
    """
    for name, value in (("inputs", inputs), ("outputs", outputs), ("states", states)):
        if not is_whole(value):
            raise ShapeError(f"break_even: {name}={value!r} must be a whole number of 1 or more.")
    if not is_number(sparsity) or not 0 <= sparsity < 1:
        raise ShapeError(f"break_even: sparsity={sparsity!r} is a share of activations: choose 0 <= sparsity < 1.")
    over = tuple(steps) if isinstance(steps, Iterable) else ()
    if not over or not all(map(is_whole, over)):
        raise ShapeError(f"break_even: steps={steps!r} must hold whole numbers of 1 or more, such as range(1, 33).")
    rates: dict[str, list[float | None]] = {}
    for t in over:
        counts = _layer(inputs, outputs, t, states)
        for estimate in energy(counts, models, twin=_skipping(once(counts), sparsity)).estimates:
            rates.setdefault(estimate.model.name, []).append(estimate.break_even)
    return BreakEven(
        over, {name: tuple(found) for name, found in rates.items()},
        (
            f"a dense layer of {inputs} inputs and {outputs} cells with {states} states; inputs and cells fire at one rate",
            f"{sparsity:.0%} of the twin's activations are 0 and skipped; no spike is sent for nothing",
            "a product with b bits costs no more than b additions; both networks are equally accurate",
            "Yan et al. find 5.7 % at T = 5 with a network on chip, which no model here prices",
        ),
    )  # fmt: skip


def _layer(inputs: int, outputs: int, steps: int, states: int) -> Operations:
    """Counts of one sample at a small rate, scaled up so that they are whole."""
    samples, dense = round(1 / _RATE), inputs * outputs * steps
    synapses = Row(
        "synapses", 0, dense, dense * samples, inputs * steps * samples, inputs * steps, outputs * steps * samples, inputs * outputs,
        steps=steps,
    )  # fmt: skip
    cells = Row(
        "cells", updates=outputs * steps * states * samples, cells=outputs, spikes=outputs * steps,
        slots=outputs * steps * samples, steps=steps,
    )  # fmt: skip
    return Operations((synapses, cells), samples, (), 4 * inputs * outputs, 4 * outputs * states)


def _skipping(twin: Operations, sparsity: float) -> Operations:
    """The twin without products of activations that are 0."""
    kept = 1 - sparsity
    rows = (
        replace(r, macs=round(r.macs * kept), dense=round(r.dense * kept), inputs=round(r.inputs * kept), events=round(r.events * kept))
        for r in twin.rows
    )  # fmt: skip
    return replace(twin, rows=tuple(rows))


def _text(rate: float | None) -> str:
    return "" if rate is None else "never" if rate == 0 else f"{rate:.4f}"
