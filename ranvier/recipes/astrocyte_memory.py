"""A cue that is recalled after a delay, by cells with and without an astrocyte."""

from dataclasses import dataclass

import torch

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.delayed_recall import fitted, recall
from ranvier.recipes.parts.sequences import Gated
from ranvier.units import ms

ASTROCYTE, PLAIN, ADAPTIVE, SLOW, ORDINARY = "astrocytes", "leaky cells", "adaptive thresholds", "slow membranes", "GRU"
FAST = "astrocytes that forget"
CELLS = {
    ASTROCYTE: lambda: rv.LIF(40, tau=10 * ms) + rv.Astrocyte(tau=500 * ms),
    FAST: lambda: rv.LIF(40, tau=10 * ms) + rv.Astrocyte(tau=10 * ms),
    PLAIN: lambda: rv.LIF(40, tau=rv.Learn(10 * ms, each=True)),
    ADAPTIVE: lambda: rv.ALIF(40, tau=10 * ms),
    SLOW: lambda: rv.LIF(40, tau=rv.Learn(500 * ms, each=True)),
}


@dataclass(frozen=True)
class Settings:
    """Of the task and of training."""

    delay: int = 100
    samples: int = 512
    epochs: int = 8


def measure(case: Case) -> dict[str, float]:
    """Accuracy on sequences that were not learnt from."""
    s, seed = case.settings, case.seed
    learn, valid, test = (recall(s.samples, s.delay, 3 * seed + k) for k in range(3))
    torch.manual_seed(seed)
    if case.arm == ORDINARY:
        net = fitted(Gated(20, 13, 4), learn, epochs=s.epochs, seed=seed)
    else:
        parts = rv.Linear(20, 40), CELLS[case.arm](), rv.Linear(40, 4), rv.LeakyReadout(4, tau=10 * ms)
        net = rv.Sequential(*parts, dt=1 * ms, seed=seed)
        rv.initialize(net, learn[0][:64].transpose(0, 1), rate=0.05)
        rv.train(
            net, learn, valid, epochs=s.epochs, batch_size=64, lr=1e-2, loss=rv.losses.LastMembrane(), seed=seed, progress=False
        )  # fmt: skip
    with torch.no_grad():
        out, _ = net.eval()(test[0].transpose(0, 1))
    return {"accuracy": float((out[-1].argmax(1) == test[1]).double().mean())}


recipe = Recipe(
    name="astrocyte_memory", title="Astrocytes remember", papers=["S024"], citation="Shen et al., 2023 (arXiv:2312.07625)",
    claim="Cells with astrocytes keep a cue over a delay; the same cells without astrocytes lose it.",
    data="Generated: one of four groups of inputs fires for 10 steps; noise for 100 steps; then a signal asks for the group. 512 sequences each to train, to choose the epoch and to report.",
    scale="40 cells; the paper has memory tasks and language models on GPUs.",
    chosen="The settings are the first that were tried, on other sequences of this task. Spiking networks keep the epoch with the best accuracy on validation sequences; the GRU keeps its last epoch.",
    methods={ASTROCYTE: "calcium lasts 500 steps, its gain is learnt"},
    baselines={PLAIN: "membranes of 10 steps, learnt", ADAPTIVE: "rv.ALIF", SLOW: "membranes of 500 steps, learnt", ORDINARY: "13 units, equal parameters"},
    controls={FAST: "calcium lasts 10 steps"},
    measures={"accuracy": "%"}, seeds=tuple(range(5)), settings=Settings(), quick={"samples": 64, "epochs": 1, "delay": 20, "seeds": (0,)}, minutes=1, measure=measure,
    notes=["Chance is 25 %. The unit is a minimal one, rv.Astrocyte: calcium that rises with a cell's spikes, decays slowly and drives the cell."],
    expected=[
        Expect("astrocytes recall more than 90 % of the cues", (ASTROCYTE, "accuracy"), ">", 0.9),
        Expect("they recall more than leaky cells", (ASTROCYTE, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("they recall more than adaptive thresholds", (ASTROCYTE, "accuracy"), ">", (ADAPTIVE, "accuracy")),
        Expect("slow calcium recalls more than fast calcium", (ASTROCYTE, "accuracy"), ">", (FAST, "accuracy")),
        Expect("they recall more than slow membranes", (ASTROCYTE, "accuracy"), ">", (SLOW, "accuracy"), decides=False),
        Expect("they recall more than a GRU", (ASTROCYTE, "accuracy"), ">", (ORDINARY, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
