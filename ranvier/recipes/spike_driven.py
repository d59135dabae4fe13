"""Attention by masks and additions beside attention by products of numbers, in one spiking network for images of clothes."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import nn

import ranvier as rv
from ranvier.data import load
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.fashion import Flipped, Images, accuracy, drawn
from ranvier.recipes.parts.images import repeated
from ranvier.recipes.parts.tested import learnt
from ranvier.units import ms

MASK, LINEAR = "masks (SDSA-1)", "sums of spikes (SDSA-3)"
SOFTMAX, PLAIN, ORDINARY, NOTHING = "softmax of currents", "plain convolutions", "ordinary network", "no attention"
KINDS = {MASK: "mask", LINEAR: "linear"}


@dataclass(frozen=True)
class Settings:
    """Of the images and of training."""

    images: int = 800
    valid: int = 400
    test: int = 2_000
    epochs: int = 5
    steps: int = 2
    channels: int = 48
    heads: int = 4
    lr: float = 5e-3


class Softmax(nn.Module):
    """softmax(q^T k/sqrt(d)) v of currents [rows, 3C, H, W], for each head: products of numbers."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = x.flatten(2).unflatten(1, (3, self.heads, -1)).mT.unbind(1)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return y.mT.flatten(1, 2).unflatten(2, x.shape[2:])


@lru_cache(maxsize=1)
def images(s: Settings, seed: int) -> Images:
    """To learn from, to choose by, to report."""
    return drawn(load("fashion_mnist"), s.images, s.valid, seed, s.test)


def network(arm: str, s: Settings, seed: int) -> rv.Sequential:
    """Two convolutions, which make 7 x 7 tokens, then what the arm is about, with about as many parameters in every arm but the control."""
    torch.manual_seed(seed)
    c = s.channels
    cell: Any = nn.ReLU if arm == ORDINARY else partial(rv.LIF, tau=2 * ms)
    norm, one = rv.ThresholdBatchNorm, partial(rv.Conv2d, kernel_size=1, bias=False)
    tokens = rv.Residual(cell(), one(c, 2 * c), norm(2 * c), cell(), one(2 * c, c), norm(c))
    middle: tuple[Any, ...]
    if arm in KINDS:
        mask = partial(rv.LIF, tau=2 * ms, V_th=1.0 if arm == LINEAR else 4.0)
        middle = rv.blocks.spike_driven(c, s.heads, kind=KINDS[arm], hidden=2 * c, cell=cell, mask=mask)
    elif arm in (SOFTMAX, ORDINARY):
        attention = cell(), one(c, 3 * c), norm(3 * c), Softmax(s.heads), one(c, c), norm(c)
        middle = rv.Residual(*attention), tokens
    elif arm == PLAIN:
        wide = round(8 * c / 18)
        there = rv.Conv2d(c, wide, 3, padding=1, bias=False), norm(wide)
        middle = (rv.Residual(cell(), *there, cell(), rv.Conv2d(wide, c, 3, padding=1, bias=False), norm(c)),)
    else:
        middle = (tokens,)
    return rv.Sequential(
        rv.Conv2d(1, c, 7, stride=4, padding=3, bias=False), norm(c), cell(), rv.Conv2d(c, c, 3, padding=1, bias=False), norm(c), *middle,
        cell(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), rv.Linear(c, 10), dt=1 * ms, seed=seed,
    )  # fmt: skip


def measure(case: Case) -> dict[str, float]:
    """Test accuracy, spikes of an image, and learnt parameters."""
    s, arm = case.settings, case.arm
    sets, net = images(s, case.seed), network(arm, s, case.seed)
    steps = 1 if arm == ORDINARY else s.steps
    rv.train(
        net, Flipped(sets.train, steps), repeated(sets.valid, steps), epochs=s.epochs, lr=1e-3 if arm == ORDINARY else s.lr, batch_size=64,
        schedule="cosine", seed=case.seed, loss=rv.losses.OverTime(nn.CrossEntropyLoss()),
        optimizer=partial(torch.optim.AdamW, weight_decay=1e-2), progress=False,
    )  # fmt: skip
    case.planned(net.plan(gradient=True))
    right, spikes = accuracy(net, sets.test, steps)
    found = {"accuracy": right, "parameters": learnt(net)}
    return found if arm == ORDINARY else {**found, "spikes": spikes}


recipe = Recipe(
    name="spike_driven", title="Attention of masks and additions", papers=["S039"], citation="Yao et al., ICLR 2024 (Spike-driven Transformer V2, Meta-SpikeFormer)",
    claim="In a spiking network, attention whose only operations are masks and additions of spikes loses less than a point to softmax attention, which multiplies numbers.",
    data="Real: Fashion-MNIST. Each seed draws 800 of the 60,000 training images to learn from and 400 others to choose by, both with all classes equally often; the first 2,000 test images "
    "are shown once to each network, after all training. Images are mirrored at random while networks learn, in every arm.",
    scale="Two convolutions, 49 tokens of 48 channels, one block, two steps, 42,000 parameters; the paper has up to 55 million on ImageNet, detection and segmentation.",
    chosen="Nothing was varied: learning rates are those of the recipe fashion_mnist, and the threshold of the masks, 4 spikes of 49 tokens, was the first that was tried. The epoch is chosen on validation images.",
    methods={MASK: "rv.blocks.spike_driven(kind='mask')", LINEAR: "the same with kind='linear'"},
    baselines={
        SOFTMAX: "softmax(q k^T) v of currents in the place of the attention: products of numbers",
        PLAIN: "two convolutions of size 3 with as many parameters in the place of the block",
        ORDINARY: "softmax attention, and rectified units in the place of all cells, one step",
    },
    controls={NOTHING: "the block without its attention: the two layers at each token alone"},
    measures={"accuracy": "%", "spikes": "per image", "parameters": ""}, seeds=(0, 1, 2, 3), settings=Settings(), minutes=4, measure=measure,
    quick={"images": 100, "valid": 50, "test": 50, "epochs": 1, "channels": 16, "seeds": (0,)},
    expected=[
        Expect("masks lose less than a point to softmax", (MASK, "accuracy"), ">", (SOFTMAX, "accuracy"), plus=-0.01),
        Expect("sums of spikes lose less than a point to softmax", (LINEAR, "accuracy"), ">", (SOFTMAX, "accuracy"), plus=-0.01),
        Expect("masks beat no attention", (MASK, "accuracy"), ">", (NOTHING, "accuracy"), decides=False),
        Expect("masks beat convolutions of as many parameters", (MASK, "accuracy"), ">", (PLAIN, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
