"""What a gradient costs in time and memory when paths over time are left out, beside backpropagation through time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import torch

from ranvier.connectivity import Linear
from ranvier.network import Sequential
from ranvier.neurons import LIF, LeakyReadout
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.alone import alone, peak, resident, say
from ranvier.training import losses, rules
from ranvier.units import ms

__all__ = ["Settings", "recipe", "report", "run"]

_BPTT, _SLTT, _SLTT_K = "BPTT()", "SLTT()", "SLTT(keep=T/4)"
_INPUTS, _CLASSES, _BATCH, _DENSITY = 700, 20, 64, 0.05
#: steps of a gradient that wakes the libraries; gradients of which the fastest counts
_SHORT, _TRIES = 12, 5
_LOSS = losses.EveryStep()


@dataclass(frozen=True)
class Settings:
    """Of the gradient."""

    steps: int = 400
    """Steps of the series; memory is measured for a quarter of them, too."""
    hidden: int = 256
    """Cells of each of two hidden layers."""


def measure(case: Case) -> Mapping[str, float]:
    """Seconds and MB of a gradient of the whole series, and MB of one of a quarter."""
    return _measured(case.settings.steps, case.settings.hidden, case.seed)[case.arm]


@lru_cache(maxsize=1)
def _measured(steps: int, hidden: int, seed: int) -> dict[str, dict[str, float]]:
    times, memory = (alone(__name__, steps, hidden, seed, memory=memory) for memory in (False, True))
    return {name: {**memory[name], "s": values["s"]} for name, values in times.items()}


def report(steps: int, hidden: int, seed: int) -> None:
    """Say the figures of all rules."""
    torch.set_num_threads(1)
    net = _network(hidden, seed)
    found: dict[str, dict[str, float]] = {}
    for name in (_BPTT, _SLTT, _SLTT_K):
        work = {count: partial(_gradient, net, name, *_batch(count, seed)) for count in (_SHORT, steps // 4, steps)}
        work[_SHORT]()
        before = resident()
        short, found[name] = (_costs(work[count], count, before) for count in (steps // 4, steps))
        if "MB" in short:
            found[name]["MB, quarter"] = short["MB"]
    say(found)


def _costs(work: Callable[[], None], steps: int, before: float | None) -> dict[str, float]:
    """Seconds, and MB less the output, which is the caller's as the input is."""
    found = peak(work, _TRIES, before)
    output = 4 * steps * _BATCH * _CLASSES / 2**20
    return {name: value - output if name == "MB" else value for name, value in found.items()}


def _network(hidden: int, seed: int) -> Sequential:
    torch.manual_seed(seed)
    layers = Linear(_INPUTS, hidden), Linear(hidden, hidden)
    with torch.no_grad():
        for layer in layers:
            layer.weight.mul_(3)
    cell = partial(LIF, hidden, tau=50 * ms)
    return Sequential(
        layers[0], cell(), layers[1], cell(), Linear(hidden, _CLASSES), LeakyReadout(_CLASSES, tau=100 * ms), dt=10 * ms
    )


def _batch(steps: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = (torch.rand(steps, _BATCH, _INPUTS, generator=draw) < _DENSITY).float()
    return x, torch.randint(0, _CLASSES, (_BATCH,), generator=draw)


def _gradient(net: Sequential, name: str, x: torch.Tensor, y: torch.Tensor) -> None:
    keep = max(1, len(x) // 4) if name == _SLTT_K else None
    rule = rules.BPTT() if name == _BPTT else rules.SLTT(keep=keep)
    net.zero_grad(set_to_none=False)
    rule.gradient(net, x, rules.PerStep(lambda out: _LOSS(out, y)))


recipe = Recipe(
    name="rule_costs",
    title="What leaving out paths over time saves",
    papers=["S008"],
    citation="Meng et al., ICCV 2023 (SLTT)",
    claim="Gradients without paths over time take less than 30 % of the memory of backpropagation through time, whatever the number of steps, and less than half of its time.",
    data="Generated: random spikes in 5 % of all steps, random classes; only costs are measured.",
    scale="700 inputs, two hidden layers of 256 cells, 400 steps, batches of 64, on one thread; the paper has deep convolutional networks with 6 steps on accelerators.",
    chosen="Nothing was chosen: the bounds are the savings that the paper reports.",
    methods={_SLTT: "no path over time", _SLTT_K: "the same, backwards at a quarter of the steps, drawn at random"},
    baselines={_BPTT: "every path"},
    measures={"s": "s", "MB": "MB", "MB, quarter": "MB"},
    seeds=(1, 2, 3, 4, 5),
    settings=Settings(),
    quick={"steps": 48, "hidden": 32, "seeds": (1,)},
    expected=[
        *(
            Expect(f"{r} takes less than 30 % of the memory", (r, "MB"), "<", (_BPTT, "MB"), times=0.3)
            for r in (_SLTT, _SLTT_K)
        ),
        Expect(
            "four times the steps take SLTT less than 1.1 times the memory",
            (_SLTT, "MB"),
            "<",
            (_SLTT, "MB, quarter"),
            times=1.1,
        ),
        *(
            Expect(f"{r} takes less than half of the time", (r, "s"), "<", (_BPTT, "s"), times=0.5)
            for r in (_SLTT, _SLTT_K)
        ),
    ],
    minutes=2,
    measure=measure,
    notes=[
        "Seconds are processor time, the fastest of five gradients. MB, measured in another process that gives freed memory back at once, are the highest resident memory of a gradient beyond what stands before it: the network with its gradients, "
        "the input, and libraries awake from a gradient of twelve steps; and beyond the output, which is the caller's. The column of a quarter has 100 steps. Accuracy is the matter of the recipe `learning_rules`.",
        "Backpropagation through time is compiled here: the way over time that SLTT leaves out is a small part of its time, and each window has a cost of its own ([rules.md](../rules.md)).",
    ],
)
run = recipe.run
