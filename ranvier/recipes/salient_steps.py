"""A converted network whose salient channels get more steps, beside as many steps for all."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

import ranvier as rv
from ranvier.conversion import channel_saliency, merged_steps, salient_levels
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.ordinary import accuracy, fitted, handwritten

SALIENT, UNIFORM, THREE = "salient channels, 2 steps on average", "2 steps for all", "3 steps for all"
ANY, LEAST, ORDINARY = "any channels, 2 steps on average", "least salient channels", "ordinary network"


@dataclass(frozen=True)
class Settings:
    """Of training and allocation."""

    images: int = 2_000
    epochs: int = 8
    few: int = 1
    """Steps of most channels."""
    many: int = 5
    """Steps of the chosen quarter: 0.75*1 + 0.25*5 = 2 on average."""
    share: float = 0.25


@lru_cache(maxsize=1)
def converted(seed: int, s: Settings) -> tuple[nn.Module, rv.conversion.Conversion, dict[str, torch.Tensor]]:
    """The trained network, its conversion, and the saliency of its channels on training images."""
    torch.manual_seed(seed)
    hidden = nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()
    train_set = handwritten(seed, s.images)[0]
    net = fitted(nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, 10)), train_set, s.epochs, 2e-3)
    made = rv.convert(net, train_set[0], threshold=99.0)
    return net, made, channel_saliency(made, train_set[0], seed=seed)


def measure(case: Case) -> dict[str, float]:
    """Accuracy on test images, the mean steps of a channel, and the share of images with the class of the ordinary network."""
    s, seed = case.settings, case.seed
    net, made, saliency = converted(seed, s)
    x, y = handwritten(seed, s.images)[2]
    if case.arm == ORDINARY:
        return {"accuracy": accuracy(net, x, y)}
    drawn = torch.Generator().manual_seed(seed)
    order = {
        SALIENT: saliency,
        LEAST: {n: -v for n, v in saliency.items()},
        ANY: {n: torch.rand(len(v), generator=drawn) for n, v in saliency.items()},
    }
    if case.arm in order:
        levels = salient_levels(order[case.arm], few=s.few, many=s.many, share=s.share)
    else:
        count = {UNIFORM: 2, THREE: 3}[case.arm]
        levels = {n: torch.full(v.shape, count) for n, v in saliency.items()}
    spiking = merged_steps(made, x[:1], levels)

    def logits(part: torch.Tensor) -> torch.Tensor:
        return spiking(part.unsqueeze(0))[0][0]

    with torch.no_grad():
        agrees = (logits(x).argmax(1) == net(x).argmax(1)).double().mean()
    steps = torch.cat(list(levels.values())).double().mean()
    return {"accuracy": accuracy(logits, x, y), "agreement": float(agrees), "steps": float(steps)}


recipe = Recipe(
    name="salient_steps", title="More steps for salient channels", papers=["S040"], citation="Xing et al., ICLR 2025 (SpikeLLM)",
    claim="With generalised integrate-and-fire cells, more steps for the salient channels give a better network than as many steps for all.",
    data="Real: the 10,000 test images of MNIST alone, split 60/20/20 within each class; each seed draws the images to learn from; no augmentation in any arm.",
    scale="Two hidden layers of 64 units, 2,000 training images; the paper converts language models of 7 to 70 billion parameters.",
    chosen="The settings are the first that were tried.",
    methods={SALIENT: "the quarter of channels on which the output depends most gets five steps, all others one"},
    baselines={UNIFORM: "the same cost", THREE: "half as much again", ORDINARY: "rectified units"},
    controls={ANY: "a random quarter gets five steps", LEAST: "the least salient quarter gets five steps"},
    measures={"accuracy": "%", "agreement": "%", "steps": ""},
    seeds=tuple(range(8)), settings=Settings(), quick={"images": 200, "epochs": 1, "seeds": (0,)}, minutes=0.4, measure=measure,
    notes=["Steps of a channel are merged into one: its cells send up to so many spikes at once. Saliency is the squared slope of the output by the channel on training images; thresholds are the 99th percentile of each layer in all arms. "
           "Agreement is the share of test images with the class of the ordinary network."],
    expected=[
        Expect("salient channels beat as many steps for all", (SALIENT, "accuracy"), ">", (UNIFORM, "accuracy")),
        Expect("they beat a random choice", (SALIENT, "accuracy"), ">", (ANY, "accuracy")),
        Expect("a random choice beats the least salient", (ANY, "accuracy"), ">", (LEAST, "accuracy"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
