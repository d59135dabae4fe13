"""Products, softmax and SiLU by spikes: errors under their bounds, and a small transformer in which they replace the exact ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional

from ranvier.conversion import operators
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.images import images

EXACT, PRODUCTS, SOFTMAX, SILU = "exact", "products by spikes", "softmax by spikes", "SiLU by spikes"
ALL, FEW, NO_ATTENTION = "all by spikes", "all by spikes, a sixteenth of the steps", "without attention"
_TOKENS, _WIDTH, _HIDDEN = 8, 16, 32
Tensor = torch.Tensor


@dataclass(frozen=True)
class Settings:
    """Of the transformer and the operators."""

    epochs: int = 40
    steps: int = 64
    """Steps of the operators."""
    samples: int = 100
    """Random inputs of each operator."""


class Exact:
    """The operators of the transformer, and the largest sizes that entered them."""

    def __init__(self) -> None:
        self.limits = {"scores": (0.0, 0.0), "mixed": (0.0, 0.0), "softmax": (0.0,), "silu": (0.0,)}

    def __call__(self, name: str, *values: Tensor) -> Tensor:
        """One operation; ``scores`` and ``mixed`` are the two products of attention."""
        sizes = (float(x.detach().abs().max()) for x in values)
        self.limits[name] = tuple(max(a, b) for a, b in zip(self.limits[name], sizes, strict=True))
        return _exact(name, *values)


def _exact(name: str, *values: Tensor) -> Tensor:
    if name == "softmax":
        return values[0].softmax(-1)
    return functional.silu(values[0]) if name == "silu" else values[0] @ values[1]


class Layer(nn.Module):
    """Eight rows of pixels as tokens, one layer of attention and SiLU, and classes."""

    def __init__(self, attends: bool) -> None:
        super().__init__()
        self.attends = attends
        self.embed, self.place = nn.Linear(8, _WIDTH), nn.Parameter(0.1 * torch.randn(_TOKENS, _WIDTH))
        self.query, self.key, self.value = (nn.Linear(_WIDTH, _WIDTH) for _ in range(3))
        self.norms = nn.ModuleList([nn.LayerNorm(_WIDTH) for _ in range(2)])
        self.wide, self.back, self.classes = (
            nn.Linear(_WIDTH, _HIDDEN),
            nn.Linear(_HIDDEN, _WIDTH),
            nn.Linear(_WIDTH, 10),
        )

    def forward(self, x: Tensor, how: Callable[..., Tensor]) -> Tensor:
        """Logits [B, 10] of images [B, 8, 8], with operators ``how(name, …)``."""
        h = self.embed(x) + self.place
        if self.attends:
            n = self.norms[0](h)
            scores = how("scores", self.query(n), self.key(n).transpose(1, 2)) / _WIDTH**0.5
            h = h + how("mixed", how("softmax", scores), self.value(n))
        h = h + self.back(how("silu", self.wide(self.norms[1](h))))
        return self.classes(h.mean(1))


@lru_cache(maxsize=2)
def trained(seed: int, epochs: int, attends: bool) -> tuple[Layer, dict[str, tuple[float, ...]]]:
    """The layer after training, and the limits of its operators on training images."""
    torch.manual_seed(seed)
    (x, y), _, _ = images(seed)
    net = Layer(attends)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[part, 0, 0], _exact), y[part]).backward()
            optimizer.step()
        schedule.step()
    seen = Exact()
    with torch.no_grad():
        net(x[:, 0, 0], seen)
    return net.eval(), seen.limits


class BySpikes:
    """The operators ``which`` by spikes in some steps; values beyond those of the training images are clamped."""

    def __init__(self, which: set[str], limits: dict[str, tuple[float, ...]], steps: int) -> None:
        self.limits, self.steps = limits, steps
        make = {
            "scores": lambda v: operators.matmul((_TOKENS, _WIDTH), (_WIDTH, _TOKENS), v),
            "mixed": lambda v: operators.matmul((_TOKENS, _TOKENS), (_TOKENS, _WIDTH), v),
            "softmax": lambda v: operators.softmax((_TOKENS, _TOKENS), v[0]),
            "silu": lambda v: operators.silu((_TOKENS, _HIDDEN), v[0]),
        }
        self.made = {name: make[name](limits[name]) for name in which if max(limits[name])}

    def __call__(self, name: str, *values: Tensor) -> Tensor:
        """One operation."""
        if name not in self.made:
            return _exact(name, *values)
        inside = [x.clamp(-limit, limit) for x, limit in zip(values, self.limits[name], strict=True)]
        return self.made[name](*inside, steps=self.steps)


_WHICH = {
    EXACT: set(), NO_ATTENTION: set(), PRODUCTS: {"scores", "mixed"}, SOFTMAX: {"softmax"}, SILU: {"silu"},
    ALL: {"scores", "mixed", "softmax", "silu"}, FEW: {"scores", "mixed", "softmax", "silu"},
}  # fmt: skip


@torch.no_grad()
def worst(which: set[str], limits: dict[str, tuple[float, ...]], steps: int, samples: int, seed: int) -> float:
    """The largest error of random inputs as a part of the bound, over the operators ``which``."""
    drawn, found = torch.Generator().manual_seed(seed), [0.0]
    for name, made in BySpikes(which, limits, steps).made.items():
        shapes = [made.net.graph.inputs[n] or () for n in made.limits]
        values = [
            (torch.rand(samples, *shape, generator=drawn) * 2 - 1) * limit
            for shape, limit in zip(shapes, limits[name], strict=True)
        ]
        error = (made(*values, steps=steps) - _exact(name, *values)).abs().max()
        found.append(float(error) / made.bound(steps))
    return max(found)


def measure(case: Case) -> dict[str, float]:
    """Accuracy of the layer with some operators replaced, and the largest error of these as a part of their bound."""
    s, seed, which = case.settings, case.seed, _WHICH[case.arm]
    net, limits = trained(seed, s.epochs, case.arm != NO_ATTENTION)
    steps = max(1, s.steps // 16) if case.arm == FEW else s.steps
    x, y = images(seed)[2]
    how = BySpikes(which, limits, steps)
    with torch.no_grad():
        exact, found = (net(x[:, 0, 0], f) for f in (_exact, how))
    made = {
        "accuracy": float((found.argmax(1) == y).double().mean()),
        "change of logits": float((found - exact).abs().mean()),
    }
    return {**made, "error/bound": worst(which, limits, steps, s.samples, seed)} if which else made


recipe = Recipe(
    name="spiking_operators", title="A transformer's operators by spikes", papers=["S032"], citation="Tang & Zhu, arXiv:2410.14687 (BrainTransformers)",
    claim="Products of activations, softmax and SiLU can be computed by spiking cells, and replace the exact ones in a trained transformer.",
    data="Real: the 1,797 digits that scikit-learn ships, rows of 8 pixels as tokens, split 60/20/20 by each seed; random values for the bounds.",
    scale="One layer of one head, 16 numbers a token, 2,400 parameters; the paper has 3 billion parameters and further training with spikes.",
    chosen="The settings are the first that were tried; the limits of each operator are the largest values on training images.",
    methods={ALL: "both products of attention, softmax and SiLU, 64 steps each, no further training", PRODUCTS: "both products of attention", SOFTMAX: "softmax alone", SILU: "SiLU alone"},
    baselines={EXACT: "floating point"}, controls={FEW: "four steps", NO_ATTENTION: "the layer trained without attention"},
    measures={"accuracy": "%", "change of logits": "", "error/bound": ""},
    seeds=tuple(range(5)), settings=Settings(), quick={"epochs": 1, "steps": 16, "samples": 5, "seeds": (0,)}, minutes=1.5, measure=measure,
    notes=["Every operator gets its values as constant currents, codes them by spikes, and its result is read after the last step; maps with fixed weights, layer norms and sums are exact. "
           "Inside a cell exp, sigmoid and the quotient are floating point; what leaves cells is spikes, or sums of spikes. Error/bound is the largest error of uniform random inputs over the stated bound."],
    expected=[
        Expect("all operators at 64 steps lose less than two points", (ALL, "accuracy"), ">", (EXACT, "accuracy"), plus=-0.02),
        Expect("errors of the products stay below the bound", (PRODUCTS, "error/bound"), "<", 1.0),
        Expect("errors of softmax stay below the bound", (SOFTMAX, "error/bound"), "<", 1.0),
        Expect("errors of SiLU stay below the bound", (SILU, "error/bound"), "<", 1.0),
        Expect("64 steps beat four", (ALL, "accuracy"), ">", (FEW, "accuracy")),
        Expect("attention helps", (EXACT, "accuracy"), ">", (NO_ATTENTION, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
