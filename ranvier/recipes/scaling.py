"""What a circuit costs as its cells, its synapses and the steps of its run grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from matplotlib.figure import Figure

from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import costs
from ranvier.recipes.parts.one_circuit import EQUATIONS
from ranvier.recipes.parts.svg import svg

__all__ = ["Settings", "recipe", "run"]

_SIZES = tuple(costs.sizes(1, 1))
_SLOPES = {f"exponent over {axis}": axis for axis in ("cells", "synapses", "steps")}
_TIMES, _MEMORY = ("run, s", "gradient, s"), ("run, MB", "gradient, MB")


@dataclass(frozen=True)
class Settings:
    """Of the smallest size."""

    cells: int = 4000
    """Cells, each with 30 recurrent synapses."""
    steps: int = 500
    """Steps of a run; a gradient has a fifth of them."""


def measure(case: Case) -> Mapping[str, float]:
    """Time and memory of one size, or the slopes over the sizes in which one quantity grows."""
    found = costs.measured(case.settings.cells, case.settings.steps, case.seed)
    if case.arm in _SIZES:
        return found[case.arm]
    axis = _SLOPES[case.arm]
    along = [v for name, v in found.items() if name == _SIZES[0] or name.endswith(axis)]
    sizes = [v[axis] for v in along]
    kept = [cost for cost in (*_TIMES, *_MEMORY) if min(v.get(cost, 0.0) for v in along) > 0]
    if case.drawn:
        case.show(_picture(axis, sizes, {c: [v[c] for v in along] for c in _TIMES}), f"Processor time over {axis}.")
    return {cost: costs.exponent(sizes, [v[cost] for v in along]) for cost in kept}


def _picture(axis: str, sizes: Sequence[float], seconds: Mapping[str, Sequence[float]]) -> str:
    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        for name, values in seconds.items():
            ax.loglog(sizes, values, marker="o", markersize=4, label=name)
        ax.set(xlabel=axis, ylabel="processor time (s)")
        ax.legend(frameon=False)

    return svg(draw, 5.0, 2.8, f"over{axis}", f"Processor time over {axis}")


recipe = Recipe(
    name="scaling",
    title="What size costs",
    papers=["S001"],
    citation="Wang et al., eLife 2023 (a differentiable brain simulator)",
    claim="The time that a sparse circuit takes, simulated and differentiated, grows about in proportion to cells, synapses and steps, or less.",
    data="None: wiring, drives and the cue of 20 Poisson trains are drawn from the seed.",
    scale="From 4,000 cells and 120,000 recurrent synapses to 256,000 cells and 7.7 million (the table counts those of the cue, too), in float32, on one thread; the paper goes to larger circuits on accelerators.",
    chosen="The circuit is that of the recipe `one_model`; nothing was tuned. An exponent counts as proportional below 1.25, a bound of this recipe that was set before the first measurement.",
    methods={
        **dict.fromkeys(_SIZES, "a size: its factor beside the smallest"),
        **{name: f"slope of the logarithm of each cost over that of {axis}" for name, axis in _SLOPES.items()},
    },
    measures={"cells": "", "synapses": "", "steps": "", **dict.fromkeys((*_TIMES, *_MEMORY), "")},
    seeds=(1, 2, 3, 4, 5),
    settings=Settings(),
    quick={"cells": 40, "steps": 20, "seeds": (1,)},
    expected=[
        Expect(f"{cost.split(',')[0]}: time grows about in proportion to {axis}, or less", (name, cost), "<", 1.25)
        for cost, (name, axis) in product(_TIMES, _SLOPES.items())
    ],
    minutes=3,
    measure=measure,
    equations=EQUATIONS,
    notes=[
        "A cell has 30 recurrent synapses on average, so that cells and synapses grow together; in two sizes the synapses of 4,000 cells grow alone, and their weights shrink in proportion. "
        "A run records spikes. A gradient is that of a fifth of the steps, forward and back, of the mean of all spikes to every recurrent weight. "
        "Times are processor seconds, the fastest of three; MB are the highest resident memory beyond what stood before the circuit was built. "
        "Freed memory goes back to the system at once meanwhile, which adds to the times of large circuits.",
    ],
)
run = recipe.run
