"""A spike-driven transformer with weights of few bits, with and without whole numbers of spikes and the features of a teacher."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.images import images
from ranvier.recipes.parts.tested import accuracy
from ranvier.units import ms

BOTH, LOW = "few bits, IE-LIF and distillation", "few bits"
INFORMED, WHOLE, FLOAT, ORDINARY, ROUNDED = (
    "few bits, IE-LIF", "floats, IE-LIF", "floats", "ordinary network", "rounded after training",
)  # fmt: skip
#: names of the cells behind attention, leaky ones and those of whole numbers
BEHIND = "lif4", "integer4"


@dataclass(frozen=True)
class Settings:
    """Of training."""

    epochs: int = 6
    steps: int = 4
    """Of leaky cells; cells of whole numbers have one step of as many levels."""
    channels: int = 32
    bits: int = 2
    weight: float = 0.3
    """Of the distance of features."""


def network(arm: str, s: Settings, seed: int) -> rv.Sequential:
    """Two convolutions, which make 4 x 4 tokens, then attention and two layers at each token, with membrane shortcuts."""
    torch.manual_seed(seed)
    few, whole = arm in (BOTH, LOW, INFORMED), arm in (BOTH, INFORMED, WHOLE)
    storage = rv.storages.LowBits(s.bits) if few else None
    c, norm, conv = s.channels, rv.ThresholdBatchNorm, partial(rv.Conv2d, bias=False, storage=storage)
    leaky = partial(rv.IntegerLIF, levels=s.steps) if whole else rv.LIF
    cell: Any = nn.ReLU if arm == ORDINARY else partial(leaky, tau=2 * ms)
    scale = 0.25 / s.steps**2 if whole else 0.25
    seen = (rv.Relay(),) if arm == ORDINARY else ()
    attention = (
        cell(),
        conv(c, 3 * c, 1),
        norm(3 * c),
        cell(),
        rv.Attention(c, 4, scale=scale),
        cell(),
        *seen,
        conv(c, c, 1),
        norm(c),
    )
    tokens = cell(), conv(c, 2 * c, 1), norm(2 * c), cell(), conv(2 * c, c, 1), norm(c)
    return rv.Sequential(
        conv(1, c, 3, stride=2, padding=1), norm(c), cell(), conv(c, c, 3, padding=1), norm(c), rv.Residual(*attention),
        rv.Residual(*tokens), cell(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), rv.Linear(c, 10, storage=storage), dt=1 * ms, seed=seed,
    )  # fmt: skip


def steps_of(arm: str, s: Settings) -> int:
    """One where a step holds whole numbers."""
    return s.steps if arm in (LOW, FLOAT, ROUNDED) else 1


@lru_cache(maxsize=4)
def trained(arm: str, s: Settings, seed: int) -> rv.Sequential:
    """The network of an arm after training, in evaluation."""
    net = network(arm, s, seed)
    train, valid, _ = images(seed, steps_of(arm, s))
    plugs = []
    if arm == BOTH:
        teacher = partial(features, trained(ORDINARY, s, seed))
        plugs = [rv.regularizers.Features(s.weight, [BEHIND[1]], teacher)]
    rv.train(
        net, train, valid, epochs=s.epochs, lr=3e-3, schedule="cosine", batch_size=64, seed=seed, regularizers=plugs,
        loss=rv.losses.OverTime(nn.CrossEntropyLoss()), progress=False,
    )  # fmt: skip
    return net.eval()


def features(ordinary: rv.Network, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the attention of the ordinary network gives for the same images."""
    return {BEHIND[1]: ordinary.observe(x[:1], record={"relay1": ["x"]})["relay1"]["x"][0]}


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, bits that a cell behind attention carries in a step, and the size of the file of weights."""
    s, arm = case.settings, case.arm
    _, _, (x, y) = images(case.seed, steps_of(arm, s))
    net = trained(FLOAT if arm == ROUNDED else arm, s, case.seed)
    if arm == ROUNDED:
        net = rv.store_weights(net, rv.storages.LowBits(s.bits))
    elif arm in (BOTH, LOW, INFORMED):
        net = rv.store_weights(net)
    case.planned(net.plan(shapes={"input": (1, 8, 8)}))
    right = accuracy(net, x.transpose(0, 1), y)
    with tempfile.TemporaryDirectory() as folder:
        rv.save(net, Path(folder) / "net")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.safetensors")) / 1024
    found = {"accuracy": right, "file": size}
    if arm == ORDINARY:
        return found
    bits = rv.training.emission_entropy(net, x.transpose(0, 1)[:, :200])
    return {**found, "information": next(h for n, h in bits.items() if n in BEHIND)}


recipe = Recipe(
    name="low_bit_attention", title="A spike-driven transformer of few bits", papers=["S085"], citation="Qiu et al., ICLR 2025 (Quantized Spike-driven Transformer)",
    claim="Weights of few bits cost a spike-driven transformer accuracy; whole numbers of spikes in training (IE-LIF) and distillation of an ordinary network's features win it back.",
    data="Real: the 1,797 digits that scikit-learn ships, split 60/20/20 by each seed; no augmentation in any arm.",
    scale="Two convolutions, 16 tokens of 32 channels, one block, 18,000 weights of 2 bits, four steps of 0 and 1 or one step of 0 to 4; the paper has 4 bits, up to 55 million weights and ImageNet.",
    chosen="Two bits were chosen because four bits lost no accuracy on validation images of another seed; the weight of the distillation is the first that was tried. The epoch is chosen on validation images.",
    methods={
        BOTH: "rv.storages.LowBits(2), rv.IntegerLIF(levels=4), one step, and rv.regularizers.Features behind the attention, weight 0.3",
        INFORMED: "the same without distillation",
    },
    baselines={
        LOW: "rv.storages.LowBits(2), leaky cells, four steps", FLOAT: "float weights, leaky cells, four steps", WHOLE: "float weights, whole numbers, one step",
        ORDINARY: "the same shape with rectified units: the teacher",
    },
    controls={ROUNDED: "the network of floats, rounded to two bits after training"},
    measures={"accuracy": "%", "file": "KiB", "information": "bits"}, seeds=(0, 1, 2, 3), settings=Settings(), minutes=3, measure=measure,
    quick={"epochs": 1, "channels": 8, "steps": 2, "seeds": (0,)},
    expected=[
        Expect("few bits cost accuracy", (LOW, "accuracy"), "<", (FLOAT, "accuracy")),
        Expect("IE-LIF and distillation beat few bits alone", (BOTH, "accuracy"), ">", (LOW, "accuracy")),
        Expect("they lose less than a point to floats", (BOTH, "accuracy"), ">", (FLOAT, "accuracy"), plus=-0.01),
        Expect("distillation adds to IE-LIF", (BOTH, "accuracy"), ">", (INFORMED, "accuracy"), decides=False),
        Expect("few bits cost accuracy with IE-LIF, too", (INFORMED, "accuracy"), "<", (WHOLE, "accuracy"), decides=False),
        Expect("IE-LIF carries more information behind attention", (INFORMED, "information"), ">", (LOW, "information"), decides=False),
    ],
    notes=[
        "A cell of whole numbers sends up to four spikes in its one step, as many as a leaky cell can send in four steps. Attention multiplies whole numbers here, "
        "as in the paper: this product cannot be written with single spikes. A weight of two bits occupies a byte in a file. "
        "Information is the entropy of what a cell behind attention sends in a step.",
    ],
)  # fmt: skip
run = recipe.run
