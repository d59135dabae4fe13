"""The input weight of noisy cells from the laws of their spike trains, by the gradient of spike times."""

from dataclasses import dataclass

import torch

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.units import ms

PATH, SIZE, NONE = "by spike times, pathwise", "by spike sizes, with a surrogate", "where it starts"


@dataclass(frozen=True)
class Settings:
    """Of data and training."""

    trains: int = 128
    epochs: int = 60
    first: int = 3
    """Spikes of a train that are compared."""


def network(weight: float) -> rv.Network:
    """A cell with noise in its membrane and in its threshold, driven by one input."""
    net = rv.Network(dt=0.1 * ms, seed=4)
    net.input("x", 1)
    net.population("out", 1, rv.StochasticLIF(sigma=0.2), output=True)
    layer = rv.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, weight)
    net.connect("x", "out", layer, to="I")
    return net


def measure(case: Case) -> dict[str, float]:
    """The distance of the weight from the one that made the data, as a part of it."""
    s, draw = case.settings, torch.Generator().manual_seed(case.seed)
    made, start = (float(a + (b - a) * torch.rand((), generator=draw)) for a, b in ((0.8, 1.2), (1.3, 1.7)))
    x = torch.zeros(s.trains, 400, 1)
    x[:, 5::25] = 1.0
    net, law = network(start), rv.losses.SignatureMMD(level=2, scale=s.first, dt=0.1 * ms if case.arm == PATH else None)

    def early(spikes: torch.Tensor, axis: int) -> torch.Tensor:
        return spikes * (spikes.detach().cumsum(axis) <= s.first)

    if case.arm != NONE:
        wanted = network(made)(x.transpose(0, 1), stream=1000 + case.seed)[0].detach().transpose(0, 1)
        rule = rv.rules.EventProp() if case.arm == PATH else rv.rules.BPTT()
        rv.train(
            net, (x, wanted), epochs=s.epochs, batch_size=s.trains, lr=0.05, rule=rule, schedule="cosine", seed=case.seed,
            loss=lambda out, y: law(early(out, 0), early(y, 1)), progress=False, restore_best=False,
        )  # fmt: skip
    return {"distance": abs(float(net["x_to_out_I"].weight.detach()) - made) / made}


recipe = Recipe(
    name="noisy_spike_times", title="Exact gradients of noisy spike times", papers=["S011"], citation="Holberg & Salvi, NeurIPS 2024",
    claim="Spike times of cells with noise in membrane and threshold have exact pathwise gradients, which recover parameters from the laws of spike trains.",
    data="Generated: trains of a noisy cell whose input weight lies between 0.8 and 1.2; learning starts between 1.3 and 1.7, with other noise.",
    scale="One cell, one weight, 128 trains of 40 ms; the paper also has two layers. The loss compares expected truncated signatures of the first three spikes.",
    chosen="The settings are the first that were tried.",
    methods={PATH: "EventProp through rv.StochasticLIF"}, baselines={SIZE: "BPTT on the same loss"}, controls={NONE: "no learning"},
    notes=["The recipe shows what gradients recover. Tests of the library compare them with finite differences under the same noise: they agree up to the time step."],
    measures={"distance": "%"}, seeds=tuple(range(6)), settings=Settings(), quick={"trains": 16, "epochs": 2, "seeds": (0,)}, minutes=4, measure=measure,
    expected=[
        Expect("the weight is recovered within a tenth", (PATH, "distance"), "<", 0.1),
        Expect("better than where it starts", (PATH, "distance"), "<", (NONE, "distance")),
        Expect("better than with a surrogate", (PATH, "distance"), "<", (SIZE, "distance"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
