"""Activities from a watch: a Legendre memory unit of leaky cells on raw signals."""

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.sequences import Gated, Parts, fitted, recurrent
from ranvier.recipes.parts.tested import accuracy, learnt
from ranvier.units import ms

MEMORY, RANDOM, PLAIN, ORDINARY = "LIF memory", "random matrix", "recurrent", "gated units"
DT, TAU = 40 * ms, 100 * ms
#: m/s^2 and rad/s as currents
SCALE = torch.tensor([0.1, 0.1, 0.1, 0.3, 0.3, 0.3])


@dataclass(frozen=True)
class Settings:
    """Of training."""

    epochs: int = 12
    samples: int = 2_000
    """Training stretches at most."""
    channels: int = 8
    order: int = 6


@lru_cache(maxsize=1)
def stretches(samples: int) -> Parts:
    """Means of four samples [50, S, 6] and activities: to learn from, to choose by, to report; by person."""
    found = []
    for part in (sets := rv.data.load("har_phone_watch")).train, sets.valid, sets.test:
        x, y = part.tensors()
        found.append(((x * SCALE).unflatten(1, (50, 4)).mean(2).transpose(0, 1).contiguous(), y))
    (x, y), valid, test = found
    return (x[:, :samples], y[:samples]), valid, test


def network(case: Case) -> nn.Module:
    """The network of an arm; those with a memory have 3,645 numbers to learn, the others about 3,200."""
    s, seed = case.settings, case.seed
    torch.manual_seed(seed)
    if case.arm == PLAIN:
        return recurrent(6, 51, 5, dt=DT, tau=TAU, seed=seed)
    if case.arm == ORDINARY:
        return Gated(6, 28, 5)
    cell = partial(rv.LIF, tau=TAU)
    unit = rv.blocks.lif_memory(
        6,
        32,
        dt=DT,
        channels=s.channels,
        order=s.order,
        window=1_000 * ms,
        cell=cell,
        memory_cell=partial(cell, V_th=0.2),
        seed=seed,
    )
    if case.arm == RANDOM:
        held = dict(unit.named_parameters())["memory_to_memory_x.weight"]
        drawn = torch.randn(held.shape) * (held != 0)
        held.data = drawn * held.norm() / drawn.norm()
    return rv.Sequential(unit, rv.Linear(32, 5), dt=DT, seed=seed)


def measure(case: Case) -> dict[str, float]:
    """Accuracy on people of whom nothing was learnt."""
    parts = stretches(case.settings.samples)
    net = fitted(network(case), parts, seed=case.seed, epochs=case.settings.epochs, lr=1e-2)
    return {"accuracy": accuracy(net, *parts[2]), "parameters": learnt(net)}


recipe = Recipe(
    name="lif_memory", title="A memory of leaky cells", papers=["S038"],
    citation="Fra et al. 2024 (L2MU for activity recognition); Matey-Sanz, Casteleyn & Granell, Data in Brief 2023 (the data)",
    claim="A Legendre memory unit whose parts are populations of leaky cells recognises activities from raw signals better than a plain recurrent spiking network.",
    data="Real: 1,704 stretches of 2 s from a watch worn by 17 people during five activities, divided by person (three fifths, a fifth, a fifth); no augmentation in any arm.",
    scale="32 hidden cells and 48 of memory, 3,645 learnt numbers, about 3,200 in the baselines; 50 steps of 40 ms. The paper has up to several hundred cells, another data set from a watch, and compressed networks on three edge devices.",
    chosen="All arms share one learning rate. Four pairs of rate and threshold of the memory cells were tried on validation people with another seed; the threshold is the one at which these cells fire from the start. The epoch is chosen on validation people.",
    methods={MEMORY: "input, memory and hidden cells; signals enter as currents"},
    baselines={PLAIN: "one layer of 51 leaky cells that project to one another", ORDINARY: "28 gated units (GRU)"},
    controls={RANDOM: "the memory's matrix is random, with the same norm"}, measures={"accuracy": "%", "parameters": ""},
    seeds=(0, 1, 2), settings=Settings(), quick={"samples": 128, "epochs": 1, "seeds": (0,)}, minutes=2, measure=measure,
    expected=[
        Expect("it beats a plain recurrent network", (MEMORY, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("the Legendre matrix beats a random one", (MEMORY, "accuracy"), ">", (RANDOM, "accuracy")),
        Expect("it beats gated units", (MEMORY, "accuracy"), ">", (ORDINARY, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
