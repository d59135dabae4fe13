"""What a sample costs under published models, beside its quantised twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ranvier.errors import ShapeError
from ranvier.measure._energy_model import EnergyModel, Parts
from ranvier.measure._published import ENERGY_MODELS
from ranvier.measure._report import Operations
from ranvier.text_table import text_table
from ranvier.values import is_whole

__all__ = ["DEFAULT_MODELS", "Energy", "Estimate", "bits_of", "energy", "once"]

DEFAULT_MODELS = ("fp32", "int8", "lemaire", "hierarchy", "loihi", "truenorth")
_HEADS = ("model", "compute", "addressing", "memory", "state", "all [nJ]", "twin [nJ]", "break-even", "left out")


@dataclass(frozen=True)
class Estimate:
    """The parts [pJ] of one sample under one model, those of the twin, and the break-even rate.

    Attributes
    ----------
    twin
        None where the hardware multiplies nothing.
    break_even
        Spikes for each cell and step below which the spiking network costs less, when every spike, inputs included, is scaled
        by one factor. None where there is no twin or no spike; 0 where even silence costs more; above 1 where a spike in every step still costs less.
    """

    model: EnergyModel
    parts: Parts
    twin: Parts | None
    break_even: float | None


@dataclass(frozen=True)
class Energy:
    """Estimates side by side; no figure mixes two models. ``print`` shows a table with what each model leaves out.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> found = rv.measure.energy(rv.measure.operations(net, torch.ones(10, 4, 20)), models=["fp32", "loihi"])
    >>> found["fp32"].parts.memory, found["loihi"].twin
    (0.0, None)
    """

    estimates: tuple[Estimate, ...]
    counts: Operations
    bits: int
    assumptions: tuple[str, ...]

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of a model."""
        for estimate in self.estimates:
            if estimate.model.name == name:
                return estimate
        names = ", ".join(e.model.name for e in self.estimates)
        raise ShapeError(f"there is no estimate by {name!r}: there are {names}.")

    @property
    def spread(self) -> float | None:
        """The largest estimate over the smallest, of the models that leave nothing out; None for fewer than two, or a 0."""
        totals = [e.parts.total for e in self.estimates if not e.parts.left_out]
        return max(totals) / min(totals) if len(totals) > 1 and min(totals) > 0 else None

    def __str__(self) -> str:
        table = text_table([_HEADS, *map(_texts, self.estimates)], right=range(1, 8))
        spread = "" if self.spread is None else f"; largest over smallest {self.spread:,.3g}"
        rate = "no cells fire" if self.counts.rate is None else f"{self.counts.rate:.4f} spikes per cell and step"
        words = [f"{e.model.name}: {e.model.boundary}. {e.model.source}." for e in self.estimates]
        left = "; ".join(f"{u.operation} in {u.place}" for u in self.counts.uncounted)
        return "\n".join([
            table, f"models, not measurements, of one sample [nJ]; {rate}{spread}",
            *words, *(f"assumed: {a}" for a in self.assumptions), f"not counted: {left or 'nothing'}",
        ])  # fmt: skip


def energy(
    counts: Operations, models: Sequence[str | EnergyModel] = DEFAULT_MODELS, *, twin: Operations | None = None
) -> Energy:  # fmt: skip
    """What the mean sample of ``counts`` costs under published models, side by side, beside a quantised twin.

    A network that emits 0 or 1 in each of T steps tells T + 1 levels apart by its rate, as b = ⌈log2(T + 1)⌉ bits do. So its
    twin is an ordinary network of the same products with activations of b bits, each computed once. Without ``twin``
    its counts are supposed from those of the network: then its accuracy is unknown, and the table says so.

    Parameters
    ----------
    counts
        What :func:`operations` found, by elements.
    models
        Names in :data:`ENERGY_MODELS`, or records of your own.
    twin
        The counts of a twin that was trained, as in ``rv.measure.twin(…).counts``.

    Raises
    ------
    ShapeError
        For an unknown or repeated model, counts of another convention or of nothing, and a twin that fires.

    Source of the twin: Yan et al., arXiv 2409.08290 v4, 2026.

    >>> net = rv.Sequential(rv.Linear(20, 30), rv.LIF(30), rv.Linear(30, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> found = rv.measure.energy(rv.measure.operations(net, torch.ones(10, 4, 20)))
    >>> found.bits, len(found.estimates)
    (4, 6)
    """
    chosen = _models(models)
    _check(counts, "counts")
    steps = max(row.steps for row in counts.rows)
    supposed = once(counts)
    if twin is not None:
        _check(twin, "twin")
        if twin.rate is not None:
            raise ShapeError("twin= holds counts of a network that fires: give those of an ordinary network.")
    bits, silent = bits_of(steps), _silent(counts)
    found = []
    for model in chosen:
        parts, other = model.parts(counts), model.of_bits(bits)
        beside = None if other is None else other.parts(supposed if twin is None else twin)
        even = None
        if beside is not None and counts.rate:
            least = model.parts(silent).total
            even = max(0.0, counts.rate * _ratio(beside.total - least, parts.total - least))
        found.append(Estimate(model, parts, beside, even))
    return Energy(tuple(found), counts, bits, _assumptions(bits, twin is None))


def bits_of(steps: int) -> int:
    """Bits of as many levels as ``steps`` steps have: ⌈log2(steps + 1)⌉.

    >>> from ranvier.measure import bits_of
    >>> [bits_of(steps) for steps in (1, 3, 5, 8)]
    [1, 2, 3, 4]
    """
    if not is_whole(steps):
        raise ShapeError(f"bits_of: steps={steps!r} must be a whole number of 1 or more.")
    return steps.bit_length()


def once(counts: Operations) -> Operations:
    """Counts of the supposed twin: every product of a step once, none skipped, no states."""
    rows = tuple(
        replace(
            row, macs=row.dense // row.steps, acs=0, dense=row.dense // row.steps, inputs=row.inputs // row.steps,
            events=row.inputs // row.steps, outputs=row.outputs // row.steps, updates=0, arithmetic=0, spikes=0, slots=0,
            convolved=row.inputs // row.steps if row.convolved else 0, steps=1,
        )
        for row in counts.rows
    )  # fmt: skip
    return replace(counts, rows=rows, state_bytes=0)


def _assumptions(bits: int, supposed: bool) -> tuple[str, ...]:
    """What the columns of the twin and of the break-even rate suppose."""
    unknown = (
        "the twin computes the same products once; its accuracy is not known: give twin= of an equally accurate one"
    )
    return (
        unknown if supposed else "the twin's products were counted on its own samples",
        f"the twin's activations have {bits} bits; "
        + ("none of its products is skipped" if supposed else "all but lemaire skip its products with 0"),
        f"a product with {bits} bits costs no more than {bits} additions",
        "the break-even rate scales every spike, inputs included, by one factor",
    )


def _silent(counts: Operations) -> Operations:
    """Without any spike; rows that multiply stay."""
    rows = (row if row.macs else replace(row, acs=0, events=0, convolved=0) for row in counts.rows)
    return replace(counts, rows=tuple(replace(row, spikes=0) for row in rows))


def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else math.inf


def _check(counts: Operations, name: str) -> None:
    if not isinstance(counts, Operations):
        raise ShapeError(f"energy: {name} is {type(counts).__name__}: give what rv.measure.operations(net, x) returns.")
    if counts.convention != "elements":
        raise ShapeError(f"energy: {name} follow convention {counts.convention!r}: count with convention='elements'.")
    if not counts.rows:
        raise ShapeError(f"energy: {name} hold no rows: nothing was counted.")


def _models(models: Sequence[str | EnergyModel]) -> list[EnergyModel]:
    if isinstance(models, str | EnergyModel) or not models:
        raise ShapeError(f"energy: models={models!r} must be a list, such as ['fp32', 'lemaire'].")
    found = []
    for model in models:
        if isinstance(model, str) and model not in ENERGY_MODELS:
            raise ShapeError(f"energy: model {model!r} is unknown: there are {', '.join(ENERGY_MODELS)}.")
        if not isinstance(model, str | EnergyModel):
            raise ShapeError(f"energy: {type(model).__name__} is no model: give a name or an EnergyModel.")
        found.append(ENERGY_MODELS[model] if isinstance(model, str) else model)
    names = [model.name for model in found]
    if len(set(names)) < len(names):
        raise ShapeError(f"energy: two models share a name among {', '.join(names)}: rename one.")
    return found


def _texts(e: Estimate) -> tuple[str, ...]:
    numbers = (*e.parts[:4], e.parts.total)
    twin = "" if e.twin is None else f"{e.twin.total / 1000:,.4g}"
    even = "" if e.break_even is None else "never" if e.break_even == 0 else f"{e.break_even:.4f}"
    even = "always" if e.break_even is not None and e.break_even > 1 else even
    return e.model.name, *(f"{n / 1000:,.4g}" for n in numbers), twin, even, e.parts.left_out
